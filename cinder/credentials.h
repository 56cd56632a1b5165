// SPDX-License-Identifier: Apache-2.0
#pragma once
// Who we are at a cloud, and how it is reached: as clouds.yaml or the OS_* variables say. Values; pure functions.
//
// The names are those of clouds.yaml (https://docs.openstack.org/openstacksdk/latest/user/config/configuration.html); a variable is
// the same in capitals with OS_ before it.
#include <map>
#include <string>
#include <vector>

#include "attach-detach/outcome.h"
#include "cinder/secret.h"

namespace blockplug::cinder {

enum class AuthKind : std::uint8_t { Password, ApplicationCredential, Token, None };

// A thing of Keystone, by its id or by its name (a name is in a domain). Where both are given, the id counts.
struct Named {
  std::string id, name;
  bool empty() const { return id.empty() && name.empty(); }
};

struct Credentials {
  std::string source;  // for people: "cloud 'prod' (/etc/openstack/clouds.yaml)", or kOsVariables
  AuthKind kind{AuthKind::Password};
  std::string auth_url;  // as given; empty for None
  Named user, user_domain;
  Secret password;
  Named application_credential;
  Secret application_credential_secret;
  Secret token;
  Named project, project_domain;  // the scope; or
  Named domain;                   // a domain as the scope
  std::string region;             // empty: the catalogue must have only one
  std::string interface { "public" };
  std::string volume_endpoint;  // instead of the catalogue's
  std::string ca_file;          // empty: the system's
  std::string client_cert_file, client_key_file;
  bool is_verified{true};  // false: TLS certificates are not checked
};

// Names and values as clouds.yaml has them, "auth." left out: {"auth_url": …, "password": …, "region_name": …}.
using CloudSettings = std::map<std::string, std::string, std::less<>>;

// As `source`: messages name OS_PASSWORD, where they name auth.password for a cloud of clouds.yaml.
inline constexpr char kOsVariables[] = "the OS_* variables";

// All names that credentials_from knows; it ignores others.
std::vector<std::string> setting_names();

// InvalidArgument: what is missing, contradictory or not known, with `source` before it; never a value that may be secret.
Result<Credentials> credentials_from(const CloudSettings& settings, const std::string& source);

}  // namespace blockplug::cinder
