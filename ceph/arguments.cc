// SPDX-License-Identifier: Apache-2.0
#include "ceph/arguments.h"

#include <charconv>

namespace blockplug::rbd {
namespace {
constexpr std::int64_t kSectorBytes = 512;
}

std::string fact(const Facts& facts, std::string_view name) {
  const auto found = facts.find(name);
  return found == facts.end() ? std::string{} : found->second;
}

Result<std::int64_t> size_in(const Facts& arguments) {
  const auto text = fact(arguments, "size_bytes");
  std::int64_t size_bytes{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), size_bytes);
  if (problem != std::errc{} || end != text.data() + text.size() || size_bytes <= 0 || size_bytes % kSectorBytes != 0)
    return no_effect(Code::InvalidArgument,
                     "the order's size_bytes is '" + text + "': it must be a number of bytes in whole sectors of 512");
  return size_bytes;
}

Result<Source> source_in(const Facts& arguments) {
  const auto text = fact(arguments, "source");
  const auto at = text.find('@');
  Source source{text.substr(0, at), at == std::string::npos ? std::string{} : text.substr(at + 1)};
  if (source.volume.empty() || (at != std::string::npos && source.snapshot.empty()))
    return no_effect(Code::InvalidArgument,
                     "the order's source is '" + text + "': it must be VOLUME or VOLUME@SNAPSHOT of this backend");
  return source;
}

}  // namespace blockplug::rbd
