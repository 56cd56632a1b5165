// SPDX-License-Identifier: Apache-2.0
#include "cinder/credentials.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace blockplug::cinder {
namespace {

constexpr char kProd[] = "cloud 'prod' (/etc/openstack/clouds.yaml)";

CloudSettings password_settings() {
  return {{"auth_url", "https://keystone.example.org:5000/v3"},
          {"username", "maria"},
          {"password", "s3cret"},
          {"user_domain_name", "Default"},
          {"project_name", "storage"},
          {"project_domain_id", "default"}};
}

CloudSettings with(CloudSettings settings, const CloudSettings& changes) {
  for (const auto& [name, value] : changes) settings[name] = value;
  return settings;
}

CloudSettings without(CloudSettings settings, const std::vector<std::string>& names) {
  for (const auto& name : names) settings.erase(name);
  return settings;
}

Credentials read(const CloudSettings& settings, const std::string& source = kProd) {
  auto found = credentials_from(settings, source);
  EXPECT_TRUE(found.ok()) << found.error().message;
  return found.ok() ? std::move(found).value() : Credentials{};
}

// What comes after "SOURCE: ".
std::string refusal(const CloudSettings& settings, const std::string& source = kProd) {
  const auto found = credentials_from(settings, source);
  if (found.ok()) return "accepted";
  EXPECT_EQ(found.error().code, Code::InvalidArgument);
  EXPECT_EQ(found.error().effect, Effect::None);
  EXPECT_TRUE(found.error().message.starts_with(source + ": ")) << found.error().message;
  return found.error().message.substr(source.size() + 2);
}

std::string text_of(const Named& named) { return named.id + "|" + named.name; }

TEST(Credentials, OfAPasswordHaveUserProjectAndTheirDomains) {
  const auto found = read(password_settings());
  EXPECT_EQ(found.source, kProd);
  EXPECT_EQ(found.kind, AuthKind::Password);
  EXPECT_EQ(found.auth_url, "https://keystone.example.org:5000/v3");
  EXPECT_EQ(text_of(found.user), "|maria");
  EXPECT_EQ(text_of(found.user_domain), "|Default");
  EXPECT_EQ(found.password.reveal(), "s3cret");
  EXPECT_EQ(text_of(found.project), "|storage");
  EXPECT_EQ(text_of(found.project_domain), "default|");
  EXPECT_TRUE(found.domain.empty());
  EXPECT_EQ(found.interface, "public");
  EXPECT_EQ(found.region, "");
  EXPECT_TRUE(found.is_verified);
  EXPECT_EQ(found.ca_file, "");
  EXPECT_EQ(found.volume_endpoint, "");
}

TEST(Credentials, OfIdsNeedNoDomain) {
  const auto found = read({{"auth_url", "http://k/v3"}, {"user_id", "u1"}, {"password", "x"}, {"project_id", "p1"}});
  EXPECT_EQ(text_of(found.user), "u1|");
  EXPECT_EQ(text_of(found.project), "p1|");
}

TEST(Credentials, TakeDomainsFromTheNearestSetting) {
  const auto bare = without(password_settings(), {"user_domain_name", "project_domain_id"});
  struct Row {
    const char* name;
    CloudSettings settings;
    std::string user_domain, project_domain;
  };
  const Row rows[] = {
      {"default_domain is an id", {{"default_domain", "d"}}, "d|", "d|"},
      {"default_domain_id", {{"default_domain_id", "d"}}, "d|", "d|"},
      {"default_domain_name", {{"default_domain_name", "D"}}, "|D", "|D"},
      {"domain_name beside a project", {{"domain_name", "D"}, {"default_domain", "other"}}, "|D", "|D"},
      {"domain_id beside a project", {{"domain_id", "d"}}, "d|", "d|"},
      {"the user's own first", {{"user_domain_name", "U"}, {"domain_name", "D"}}, "|U", "|D"},
      {"the project's own first", {{"project_domain_name", "P"}, {"default_domain", "d"}}, "d|", "|P"},
  };
  for (const auto& row : rows) {
    const auto found = read(with(bare, row.settings));
    EXPECT_EQ(text_of(found.user_domain), row.user_domain) << row.name;
    EXPECT_EQ(text_of(found.project_domain), row.project_domain) << row.name;
    EXPECT_TRUE(found.domain.empty()) << row.name;
  }
}

TEST(Credentials, AreScopedToAProjectOrADomain) {
  const auto bare = without(password_settings(), {"project_name", "project_domain_id"});
  struct Row {
    const char* name;
    CloudSettings settings;
    std::string project, domain;
  };
  const Row rows[] = {
      {"tenant_name", {{"tenant_name", "t"}, {"project_domain_name", "D"}}, "|t", "|"},
      {"tenant_id", {{"tenant_id", "t1"}}, "t1|", "|"},
      {"both names of it", {{"project_id", "p1"}, {"project_name", "p"}}, "p1|p", "|"},
      {"project before tenant", {{"project_id", "p1"}, {"tenant_id", "t1"}}, "p1|", "|"},
      {"a domain", {{"domain_name", "D"}}, "|", "|D"},
      {"a domain's id", {{"domain_id", "d"}}, "|", "d|"},
  };
  for (const auto& row : rows) {
    const auto found = read(with(bare, row.settings));
    EXPECT_EQ(text_of(found.project), row.project) << row.name;
    EXPECT_EQ(text_of(found.domain), row.domain) << row.name;
  }
}

TEST(Credentials, OfAnApplicationCredentialHaveItsOwnScope) {
  const CloudSettings by_id{{"auth_url", "https://k/v3"},
                            {"auth_type", "v3applicationcredential"},
                            {"application_credential_id", "a1"},
                            {"application_credential_secret", "s"}};
  auto found = read(with(by_id, {{"project_name", "ignored"}, {"domain_id", "ignored"}}));
  EXPECT_EQ(found.kind, AuthKind::ApplicationCredential);
  EXPECT_EQ(text_of(found.application_credential), "a1|");
  EXPECT_EQ(found.application_credential_secret.reveal(), "s");
  EXPECT_TRUE(found.project.empty());
  EXPECT_TRUE(found.domain.empty());

  const auto by_name = with(without(by_id, {"application_credential_id"}),
                            {{"application_credential_name", "robot"}, {"username", "maria"}, {"user_domain_id", "default"}});
  found = read(by_name);
  EXPECT_EQ(text_of(found.application_credential), "|robot");
  EXPECT_EQ(text_of(found.user), "|maria");
  EXPECT_EQ(refusal(without(by_name, {"username"})), "has no user; add auth.username or auth.user_id");
  EXPECT_EQ(refusal(without(by_id, {"application_credential_id"})),
            "has no application credential; add auth.application_credential_id or auth.application_credential_name");
  EXPECT_EQ(refusal(without(by_id, {"application_credential_secret"})),
            "has no secret of its application credential; add auth.application_credential_secret, or put it into secure.yaml");
}

TEST(Credentials, AreOfTheKindThatAuthTypeSaysOrThatIsThere) {
  const auto all = with(password_settings(), {{"token", "t"},
                                              {"application_credential_id", "a"},
                                              {"application_credential_secret", "s"},
                                              {"endpoint", "http://cinder:8776/v3"}});
  struct Row {
    std::string type;
    std::vector<std::string> missing;
    AuthKind kind;
  };
  const Row rows[] = {
      {"password", {}, AuthKind::Password},
      {"v3password", {}, AuthKind::Password},
      {"v3applicationcredential", {}, AuthKind::ApplicationCredential},
      {"token", {}, AuthKind::Token},
      {"v3token", {}, AuthKind::Token},
      {"none", {}, AuthKind::None},
      {"noauth", {}, AuthKind::None},
      {"", {}, AuthKind::ApplicationCredential},
      {"", {"application_credential_id", "application_credential_secret"}, AuthKind::Password},
      {"", {"application_credential_id", "application_credential_secret", "password"}, AuthKind::Token},
  };
  for (const auto& row : rows) {
    const auto found = read(without(with(all, {{"auth_type", row.type}}), row.missing));
    EXPECT_EQ(found.kind, row.kind) << row.type << " without " << row.missing.size();
  }
  EXPECT_EQ(
      refusal(with(all, {{"auth_type", "v3oidcpassword"}})),
      "auth_type 'v3oidcpassword' is not supported; supported are password, v3password, v3applicationcredential, token, v3token, "
      "none and noauth");
}

TEST(Credentials, OfATokenNeedNoUser) {
  const auto found = read({{"auth_url", "https://k"}, {"token", "gAAAA-_="}, {"project_id", "p1"}});
  EXPECT_EQ(found.kind, AuthKind::Token);
  EXPECT_EQ(found.token.reveal(), "gAAAA-_=");
  EXPECT_EQ(refusal({{"auth_url", "https://k"}, {"auth_type", "token"}, {"project_id", "p1"}}),
            "has no token; add auth.token, or put it into secure.yaml");
  EXPECT_EQ(refusal({{"auth_url", "https://k"}, {"token", "two words"}, {"project_id", "p1"}}),
            "auth.token contains a space or a character beyond ASCII");
}

TEST(Credentials, WithoutKeystoneNeedAnEndpointOnly) {
  const CloudSettings least{{"auth_type", "none"}, {"endpoint", "http://cinder:8776/v3"}};
  auto found = read(least);
  EXPECT_EQ(found.kind, AuthKind::None);
  EXPECT_EQ(found.volume_endpoint, "http://cinder:8776/v3");
  EXPECT_EQ(found.auth_url, "");
  found = read(with(least, {{"username", "maria"}, {"project_id", "ab12"}, {"volume_endpoint_override", "http://other/v3"}}));
  EXPECT_EQ(found.volume_endpoint, "http://other/v3");
  EXPECT_EQ(text_of(found.user), "|maria");
  EXPECT_EQ(text_of(found.project), "ab12|");
  EXPECT_EQ(read(with(least, {{"user_id", "u1"}})).user.name, "u1");
  EXPECT_EQ(refusal({{"auth_type", "none"}}), "has no address of Cinder; add auth.endpoint or volume_endpoint_override");
  EXPECT_EQ(refusal(with(least, {{"username", "ma ria"}})), "auth.username contains a space or a character beyond ASCII");
}

TEST(Credentials, TakeTheInterfaceInAnyOfItsForms) {
  struct Row {
    std::string name, value, interface;
  };
  const Row rows[] = {
      {"interface", "internal", "internal"},         {"interface", "internalURL", "internal"}, {"interface", "Admin", "admin"},
      {"endpoint_type", "publicURL", "public"},      {"volume_interface", "admin", "admin"},   {"interface", "", "public"},
      {"block_storage_interface", "admin", "admin"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(read(with(password_settings(), {{row.name, row.value}})).interface, row.interface) << row.name << " " << row.value;
  EXPECT_EQ(read(with(password_settings(), {{"interface", "internal"}, {"endpoint_type", "adminURL"}})).interface, "internal");
  EXPECT_EQ(read(with(password_settings(), {{"interface", "internal"}, {"volume_interface", "admin"}})).interface, "admin");
  EXPECT_EQ(refusal(with(password_settings(), {{"interface", "publicly"}})),
            "interface is 'publicly'; it must be public, internal or admin");
}

TEST(Credentials, HaveFilesAndSwitchesOfTls) {
  auto found = read(with(password_settings(), {{"cacert", "ca.pem"}, {"cert", "c.pem"}, {"key", "k.pem"}, {"region_name", "R1"}}));
  EXPECT_EQ(found.ca_file, "ca.pem");
  EXPECT_EQ(found.client_cert_file, "c.pem");
  EXPECT_EQ(found.client_key_file, "k.pem");
  EXPECT_EQ(found.region, "R1");
  EXPECT_EQ(refusal(with(password_settings(), {{"key", "k.pem"}})), "key is set without cert; a client certificate needs both");
  struct Row {
    std::string name, value;
    bool is_verified;
  };
  const Row rows[] = {
      {"verify", "False", false}, {"verify", "no", false},     {"verify", "0", false},     {"verify", "TRUE", true},
      {"verify", "1", true},      {"insecure", "true", false}, {"insecure", "Yes", false}, {"insecure", "false", true},
      {"verify", "", true},       {"insecure", "0", true},
  };
  for (const auto& row : rows)
    EXPECT_EQ(read(with(password_settings(), {{row.name, row.value}})).is_verified, row.is_verified)
        << row.name << " " << row.value;
  EXPECT_FALSE(read(with(password_settings(), {{"verify", "true"}, {"insecure", "true"}})).is_verified);
  EXPECT_EQ(refusal(with(password_settings(), {{"verify", "/etc/ca.pem"}})), "verify is '/etc/ca.pem'; it must be true or false");
}

TEST(Credentials, NameWhatIsMissingInTheWordsOfTheirSource) {
  struct Row {
    std::vector<std::string> missing;
    std::string of_file, of_variables;
  };
  const Row rows[] = {
      {{"auth_url"}, "has no address of Keystone; add auth.auth_url", "OS_AUTH_URL is not set"},
      {{"username"}, "has no user; add auth.username or auth.user_id", "neither OS_USERNAME nor OS_USER_ID is set"},
      {{"password"}, "has no password; add auth.password, or put it into secure.yaml", "OS_PASSWORD is not set"},
      {{"user_domain_name"},
       "has no domain of its user; add auth.user_domain_name or auth.user_domain_id",
       "neither OS_USER_DOMAIN_NAME nor OS_USER_DOMAIN_ID is set"},
      {{"project_domain_id"},
       "has no domain of its project; add auth.project_domain_name or auth.project_domain_id",
       "neither OS_PROJECT_DOMAIN_NAME nor OS_PROJECT_DOMAIN_ID is set"},
      {{"project_name"},
       "has no project; add auth.project_name or auth.project_id",
       "neither OS_PROJECT_NAME nor OS_PROJECT_ID is set"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(refusal(without(password_settings(), row.missing)), row.of_file);
    EXPECT_EQ(refusal(without(password_settings(), row.missing), kOsVariables), row.of_variables);
  }
  EXPECT_EQ(refusal(with(password_settings(), {{"password", ""}})), rows[2].of_file) << "what is empty is missing";
}

TEST(Credentials, RefuseAddressesWithoutRepeatingThem) {
  for (const std::string url :
       {"keystone:5000", "ftp://k/v3", "https://", "https:///v3", "https://:5000", "https://k:port/v3", "https://k:0",
        "https://k:65536", "https://[::1", "https://[]/", "https://k/v3?x=s3cret", "https://k/#s3cret", "https://<host>/v3",
        "https://k /v3", "https://k\xc3\xb6ln.example/v3", "https://maria:s3cret"})
    EXPECT_EQ(refusal(with(password_settings(), {{"auth_url", url}})),
              "auth.auth_url must be a URL like https://cloud.example.org:5000/v3")
        << url;
  EXPECT_EQ(refusal(with(password_settings(), {{"auth_url", "https://maria:s3cret@k/v3"}})),
            "auth.auth_url must not contain a user name or a password (nor any other '@')");
  EXPECT_EQ(refusal(with(password_settings(), {{"volume_endpoint_override", "cinder"}})),
            "volume_endpoint_override must be a URL like https://cloud.example.org:5000/v3");
  for (const std::string url :
       {"http://k", "HTTPS://k:5000/", "https://[2001:db8::1]:5000/v3", "https://k.example.org/identity/v3/auth/tokens"})
    EXPECT_EQ(read(with(password_settings(), {{"auth_url", url}})).auth_url, url);
  for (const auto* name : {"volume_endpoint_override", "volumev3_endpoint_override", "block_storage_endpoint_override"})
    EXPECT_EQ(read(with(password_settings(), {{name, "https://h/volume/v3/%(project_id)s"}})).volume_endpoint,
              "https://h/volume/v3/%(project_id)s");
}

TEST(Credentials, AreUtf8WithoutControlCharacters) {
  const std::string control = " contains a control character, e.g. a line break; remove it";
  EXPECT_EQ(refusal(with(password_settings(), {{"username", "maria\n"}})), "auth.username" + control);
  EXPECT_EQ(refusal(with(password_settings(), {{"region_name", "a\x1b[2J"}})), "region_name" + control);
  EXPECT_EQ(refusal(with(password_settings(), {{"auth_url", "https://k\r\nX: y"}})), "auth.auth_url" + control);
  EXPECT_EQ(refusal(with(password_settings(), {{"cacert", std::string("ca\0.pem", 7)}})), "cacert" + control);
  EXPECT_EQ(refusal(with(password_settings(), {{"token", "t\n"}})), "auth.token" + control);
  EXPECT_EQ(refusal(with(password_settings(), {{"project_name", "a\xc2\x85"}})), "auth.project_name" + control);
  EXPECT_EQ(refusal(with(password_settings(), {{"password", "gr\xfc\xdf"}})), "auth.password is not UTF-8");
  EXPECT_EQ(refusal(with(password_settings(), {{"password", "gr\xfc\xdf"}}), kOsVariables), "OS_PASSWORD is not UTF-8");
  EXPECT_EQ(read(with(password_settings(), {{"password", "größe\t\n"}})).password.reveal(), "größe\t\n");
  EXPECT_EQ(read(with(password_settings(), {{"project_name", "größe"}})).project.name, "größe");
}

TEST(Credentials, NeverRepeatSecretsInARefusal) {
  const std::vector<std::string> secrets{"password", "token", "auth_token", "application_credential_secret"};
  int refused = 0;
  for (const auto& name : setting_names())
    for (const std::string bad : {"\xff", "\n", "no such thing"}) {
      auto settings = password_settings();
      for (const auto& secret : secrets) settings[secret] = "hunter2";
      settings[name] = (settings[name] == "hunter2" ? "hunter2" : name == "auth_url" ? "https://maria:hunter2@k" : "") + bad;
      const auto found = credentials_from(settings, kProd);
      if (found.ok()) continue;
      ++refused;
      EXPECT_EQ(found.error().message.find("hunter2"), std::string::npos) << found.error().message;
    }
  EXPECT_GT(refused, 60);
}

TEST(Credentials, IgnoreWhatTheyDoNotKnow) {
  EXPECT_EQ(read(with(password_settings(), {{"identity_api_version", "3"}, {"floating_ip_source", "None"}})).user.name, "maria");
  const auto names = setting_names();
  EXPECT_EQ(std::ranges::count(names, "password"), 1);
  EXPECT_EQ(std::ranges::count(names, "region_name"), 1);
}

}  // namespace
}  // namespace blockplug::cinder
