// SPDX-License-Identifier: Apache-2.0
#include "cinder/credentials.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <sstream>
#include <string_view>

#include "attach-detach/number.h"
#include "attach-detach/printable.h"
#include "attach-detach/utf8.h"
#include "cinder/lower_case.h"

namespace blockplug::cinder {
namespace {

// Below "auth" in clouds.yaml.
constexpr char kAuthSettings[] =
    "auth_url username user_name user_id user_domain_id user_domain_name password application_credential_id "
    "application_credential_name application_credential_secret token auth_token project_id project_name tenant_id tenant_name "
    "project_domain_id project_domain_name domain_id domain_name default_domain default_domain_id default_domain_name endpoint";
// In the cloud itself.
constexpr char kCloudSettings[] =
    "auth_type region_name interface endpoint_type volume_interface block_storage_interface volume_endpoint_override "
    "volumev3_endpoint_override block_storage_endpoint_override cacert cert key verify insecure";

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

constexpr std::string_view kAuthTypes = "password, v3password, v3applicationcredential, token, v3token, none and noauth";

std::string upper_case(std::string_view text) {
  std::string upper(text);
  for (auto& letter : upper)
    if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
  return upper;
}

bool is_fit_for_header(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char letter) { return letter > 0x20 && letter < 0x7f; });
}

// "host", "host:port", "[address]:port".
bool is_authority(std::string_view text) {
  const auto host_end = text.starts_with('[') ? text.find(']') + 1 : std::min(text.find(':'), text.size());
  const auto rest = text.substr(host_end);
  if (host_end == 0 || (text.starts_with('[') && host_end < 4)) return false;
  if (rest.empty()) return true;
  const auto port = number_from<int>(rest.substr(1));
  return rest.front() == ':' && port && *port > 0 && *port < 65536;
}

class Reader {
 public:
  Reader(const CloudSettings& settings, const std::string& source) : settings_(settings), source_(source) {}

  Result<Credentials> read() {
    TRY(check_texts());
    Credentials found;
    found.source = source_;
    found.kind = TRY(kind());
    TRY(read_service(found));
    TRY(read_tls(found));
    if (found.kind == AuthKind::None) {
      TRY(read_without_keystone(found));
      return found;
    }
    found.auth_url = get("auth_url");
    if (found.auth_url.empty()) return missing("address of Keystone", "auth_url");
    TRY(check_url("auth_url"));
    TRY(read_identity(found));
    // The scope of an application credential is its own: one sent besides would be refused.
    if (found.kind != AuthKind::ApplicationCredential) TRY(read_scope(found));
    return found;
  }

 private:
  std::string get(std::string_view name) const {
    const auto found = settings_.find(name);
    return found == settings_.end() ? std::string{} : found->second;
  }
  std::string_view first_of(std::initializer_list<std::string_view> names) const {
    for (const auto& name : names)
      if (!get(name).empty()) return name;
    return *names.begin();
  }
  std::string get_first(std::initializer_list<std::string_view> names) const { return get(first_of(names)); }

  bool is_of_variables() const { return source_ == kOsVariables; }
  // As its user wrote it.
  std::string name_of(std::string_view setting) const {
    if (is_of_variables()) return "OS_" + upper_case(setting);
    const bool is_in_auth = std::ranges::count(words(kAuthSettings), setting) > 0;
    return (is_in_auth ? "auth." : "") + std::string(setting);
  }
  Error refusal(const std::string& what) const { return no_effect(Code::InvalidArgument, source_ + ": " + what); }
  Error missing(const std::string& what, std::string_view setting, std::string_view other = {}) const {
    if (is_of_variables())
      return refusal(other.empty() ? name_of(setting) + " is not set"
                                   : "neither " + name_of(setting) + " nor " + name_of(other) + " is set");
    return refusal("has no " + what + "; add " + name_of(setting) + (other.empty() ? "" : " or " + name_of(other)));
  }
  Error missing_secret(const std::string& what, std::string_view setting) const {
    auto error = missing(what, setting);
    if (!is_of_variables()) error.message += ", or put it into secure.yaml";
    return error;
  }

  Status check_texts() const;
  Status check_url(std::string_view setting) const;
  Status check_fit_for_header(std::string_view setting) const;
  Result<bool> flag(std::string_view setting, bool otherwise) const;
  Result<AuthKind> kind() const;
  Status read_service(Credentials& found) const;
  Status read_tls(Credentials& found) const;
  Status read_without_keystone(Credentials& found) const;
  Status read_identity(Credentials& found) const;
  Status read_user(Credentials& found) const;
  Status read_scope(Credentials& found) const;
  Named project() const { return {get_first({"project_id", "tenant_id"}), get_first({"project_name", "tenant_name"})}; }
  Named domain_of(std::string_view id, std::string_view name) const;

  const CloudSettings& settings_;
  const std::string& source_;
};

// All of them become JSON, paths or headers.
Status Reader::check_texts() const {
  for (const auto& name : setting_names()) {
    const auto value = get(name);
    const bool may_be_any_text = name == "password" || name == "application_credential_secret";
    std::size_t length = 0;
    for (std::string_view rest = value; !rest.empty(); rest.remove_prefix(length)) {
      length = utf8_length(rest);
      if (length == 0) return refusal(name_of(name) + " is not UTF-8");
      if (!may_be_any_text && is_control(rest.substr(0, length)))
        return refusal(name_of(name) + " contains a control character, e.g. a line break; remove it");
    }
  }
  return Ok{};
}

// Later messages name the URL, so that nothing secret may be in it. Here it is not shown: what is wrong may be a password.
Status Reader::check_url(std::string_view setting) const {
  const auto url = get(setting);
  const auto begin = url.find("://");
  const auto scheme = lower_case(url.substr(0, begin == std::string::npos ? 0 : begin));
  if (url.find('@') != std::string::npos)
    return refusal(name_of(setting) + " must not contain a user name or a password (nor any other '@')");
  if ((scheme == "http" || scheme == "https") && is_fit_for_header(url) && url.find_first_of("?#\\\"<>") == std::string::npos &&
      is_authority(std::string_view(url).substr(begin + 3, url.find('/', begin + 3) - begin - 3)))
    return Ok{};
  return refusal(name_of(setting) + " must be a URL like https://cloud.example.org:5000/v3");
}

Status Reader::check_fit_for_header(std::string_view setting) const {
  if (is_fit_for_header(get(setting))) return Ok{};
  return refusal(name_of(setting) + " contains a space or a character beyond ASCII");
}

Result<bool> Reader::flag(std::string_view setting, bool otherwise) const {
  const auto text = lower_case(get(setting));
  if (text.empty()) return otherwise;
  for (const auto* yes : {"true", "1", "yes", "on"})
    if (text == yes) return true;
  for (const auto* no : {"false", "0", "no", "off"})
    if (text == no) return false;
  return refusal(name_of(setting) + " is '" + printable(get(setting)) + "'; it must be true or false");
}

Result<AuthKind> Reader::kind() const {
  const auto type = lower_case(get("auth_type"));
  if (type == "password" || type == "v3password") return AuthKind::Password;
  if (type == "v3applicationcredential") return AuthKind::ApplicationCredential;
  if (type == "token" || type == "v3token") return AuthKind::Token;
  if (type == "none" || type == "noauth") return AuthKind::None;
  if (!type.empty())
    return refusal(name_of("auth_type") + " '" + printable(get("auth_type")) + "' is not supported; supported are " +
                   std::string(kAuthTypes));
  if (!get_first({"application_credential_id", "application_credential_name", "application_credential_secret"}).empty())
    return AuthKind::ApplicationCredential;
  return get("password").empty() && !get_first({"token", "auth_token"}).empty() ? AuthKind::Token : AuthKind::Password;
}

// Which Cinder: region, interface, or an endpoint instead of the catalogue's.
Status Reader::read_service(Credentials& found) const {
  found.region = get("region_name");
  const auto setting = first_of({"volume_interface", "block_storage_interface", "interface", "endpoint_type"});
  const auto interface = lower_case(get(setting));
  bool is_known = interface.empty();
  for (const std::string known : {"public", "internal", "admin"})
    if (interface == known || interface == known + "url") found.interface = known, is_known = true;
  if (!is_known) return refusal(name_of(setting) + " is '" + printable(get(setting)) + "'; it must be public, internal or admin");
  const auto endpoint = first_of({"volume_endpoint_override", "block_storage_endpoint_override", "volumev3_endpoint_override"});
  found.volume_endpoint = get(endpoint);
  return found.volume_endpoint.empty() ? Status(Ok{}) : check_url(endpoint);
}

Status Reader::read_tls(Credentials& found) const {
  found.ca_file = get("cacert");
  found.client_cert_file = get("cert");
  found.client_key_file = get("key");
  if (found.client_cert_file.empty() && !found.client_key_file.empty())
    return refusal(name_of("key") + " is set without " + name_of("cert") + "; a client certificate needs both");
  const bool may_verify = TRY(flag("verify", true));
  const bool is_insecure = TRY(flag("insecure", false));
  found.is_verified = may_verify && !is_insecure;
  return Ok{};
}

// Such a Cinder takes "user:project" in a header.
Status Reader::read_without_keystone(Credentials& found) const {
  if (found.volume_endpoint.empty()) {
    found.volume_endpoint = get("endpoint");
    if (found.volume_endpoint.empty()) return missing("address of Cinder", "endpoint", "volume_endpoint_override");
    TRY(check_url("endpoint"));
  }
  for (const auto* setting : {"user_id", "username", "user_name", "project_id", "tenant_id"}) TRY(check_fit_for_header(setting));
  found.user = {get("user_id"), get_first({"username", "user_name", "user_id"})};
  found.project.id = project().id;
  return Ok{};
}

Status Reader::read_identity(Credentials& found) const {
  switch (found.kind) {
    case AuthKind::Password:
      TRY(read_user(found));
      found.password = Secret(get("password"));
      if (found.password.empty()) return missing_secret("password", "password");
      return Ok{};
    case AuthKind::ApplicationCredential:
      found.application_credential = {get("application_credential_id"), get("application_credential_name")};
      if (found.application_credential.empty())
        return missing("application credential", "application_credential_id", "application_credential_name");
      if (found.application_credential.id.empty()) TRY(read_user(found));  // the name is one of this user's
      found.application_credential_secret = Secret(get("application_credential_secret"));
      if (found.application_credential_secret.empty())
        return missing_secret("secret of its application credential", "application_credential_secret");
      return Ok{};
    case AuthKind::Token: {
      const auto setting = first_of({"token", "auth_token"});
      found.token = Secret(get(setting));
      if (found.token.empty()) return missing_secret("token", "token");
      return check_fit_for_header(setting);
    }
    case AuthKind::None: break;
  }
  return Ok{};
}

// With a project as the scope, domain_id and domain_name are those of both the user and the project.
Named Reader::domain_of(std::string_view id, std::string_view name) const {
  Named domain{get(id), get(name)};
  if (domain.empty() && !project().empty()) domain = {get("domain_id"), get("domain_name")};
  if (domain.empty()) domain = {get_first({"default_domain_id", "default_domain"}), get("default_domain_name")};
  return domain;
}

Status Reader::read_user(Credentials& found) const {
  found.user = {get("user_id"), get_first({"username", "user_name"})};
  if (found.user.empty()) return missing("user", "username", "user_id");
  found.user_domain = domain_of("user_domain_id", "user_domain_name");
  if (found.user.id.empty() && found.user_domain.empty())
    return missing("domain of its user", "user_domain_name", "user_domain_id");
  return Ok{};
}

Status Reader::read_scope(Credentials& found) const {
  found.project = project();
  if (found.project.empty()) {
    found.domain = {get("domain_id"), get("domain_name")};
    return found.domain.empty() ? Status(missing("project", "project_name", "project_id")) : Status(Ok{});
  }
  found.project_domain = domain_of("project_domain_id", "project_domain_name");
  if (found.project.id.empty() && found.project_domain.empty())
    return missing("domain of its project", "project_domain_name", "project_domain_id");
  return Ok{};
}

}  // namespace

std::vector<std::string> setting_names() { return words(kAuthSettings + std::string(" ") + kCloudSettings); }

Result<Credentials> credentials_from(const CloudSettings& settings, const std::string& source) {
  return Reader(settings, source).read();
}

}  // namespace blockplug::cinder
