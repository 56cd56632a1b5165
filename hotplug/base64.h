// SPDX-License-Identifier: Apache-2.0
#pragma once
// Base64 as the guest agent uses it (RFC 4648, with padding). Pure.
#include <optional>
#include <string>
#include <string_view>

namespace blockplug {

std::optional<std::string> from_base64(std::string_view text);  // nullopt: not valid

}  // namespace blockplug
