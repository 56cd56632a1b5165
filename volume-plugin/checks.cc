// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "volume-plugin/door.h"

namespace blockplug {

std::string printable(const std::string& text) {
  constexpr std::size_t kMost = 80;
  static const char* const kHex = "0123456789abcdef";
  std::string shown;
  for (const char raw : text.substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(raw);
    if (byte >= 0x20 && byte < 0x7f) shown += raw;
    else shown += std::string("\\x") + kHex[byte >> 4] + kHex[byte & 15];
  }
  return text.size() > kMost ? shown + "…" : shown;
}

Status check_vm_id(const std::string& id) {
  const auto wrong = [&](const std::string& what) {
    return no_effect(Code::InvalidArgument, "VM id '" + printable(id) + "': " + what + ". It has 1 to 64 of A-Z a-z 0-9 . _ -");
  };
  if (id.empty()) return wrong("is empty");
  if (id.size() > 64) return wrong("is longer than 64");
  if (id == "." || id == "..") return wrong("is a directory's own name");
  const auto is_good = [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-'; };
  if (!std::all_of(id.begin(), id.end(), is_good)) return wrong("has other characters");
  return Ok{};
}

Result<VolumeId> parse_volume_id(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == text.size())
    return no_effect(Code::InvalidArgument, "volume '" + printable(text) + "': an id is <backend>/<name>, as `blockplug volume list` shows it");
  return VolumeId(text);
}

}  // namespace blockplug
