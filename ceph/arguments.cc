// SPDX-License-Identifier: Apache-2.0
#include "ceph/arguments.h"

#include "attach-detach/number.h"

namespace blockplug::rbd {
namespace {
constexpr std::int64_t kSectorBytes = 512;
}

Result<std::int64_t> size_in(const Facts& arguments) {
  const auto text = fact(arguments, "size_bytes");
  const auto size_bytes = number_from<std::int64_t>(text).value_or(0);
  if (size_bytes <= 0 || size_bytes % kSectorBytes != 0)
    return no_effect(Code::InvalidArgument, "the order's size_bytes '" + text + "' is not valid: it must be a multiple of 512");
  return size_bytes;
}

Result<Source> source_in(const Facts& arguments) {
  const auto text = fact(arguments, "source");
  const auto at = text.find('@');
  Source source{text.substr(0, at), at == std::string::npos ? std::string{} : text.substr(at + 1)};
  if (source.volume.empty() || (at != std::string::npos && source.snapshot.empty()))
    return no_effect(Code::InvalidArgument,
                     "the order's source '" + text + "' is not valid: it must be VOLUME or VOLUME@SNAPSHOT of this backend");
  return source;
}

}  // namespace blockplug::rbd
