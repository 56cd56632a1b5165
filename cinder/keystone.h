// SPDX-License-Identifier: Apache-2.0
#pragma once
// Logging in: what is sent to Keystone, and which endpoint of its catalogue is Cinder's. Pure functions but for log_in.
#include <memory>
#include <string>

#include "cinder/session.h"

namespace blockplug::cinder {

// "http://h/identity/v3/auth/tokens" for an auth_url with or without "/v3", slashes, or "/auth/tokens" at its end.
std::string tokens_url(const std::string& auth_url);

// The JSON of POST /v3/auth/tokens. It has secrets in it.
std::string token_request(const Credentials& credentials);

// Of service type "block-storage" or "volumev3", in the configured region and interface, without a slash at its end. NotFound:
// there is none; FailedPrecondition: several regions have one and none is configured. Both list what there is.
Result<std::string> volume_endpoint(const Credentials& credentials, const Token& token);

// Asks Keystone for a token, and Cinder for its version. For AuthKind::None only the latter.
Result<std::shared_ptr<const Login>> log_in(const Credentials& credentials, const Patience& patience);

}  // namespace blockplug::cinder
