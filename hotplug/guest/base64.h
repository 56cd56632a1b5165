// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bytes as the guest agent sends them (RFC 4648, with padding). Pure.
#include <optional>
#include <string>
#include <string_view>

namespace blockplug {

std::optional<std::string> from_base64(std::string_view text);  // nullopt: it is none

}  // namespace blockplug
