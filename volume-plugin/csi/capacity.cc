// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/csi/capacity.h"

#include <algorithm>

#include "volume-plugin/size.h"

namespace blockplug::csi {
namespace {
std::string text_of(const ::csi::v1::CapacityRange& range) {
  const auto required = "at least " + std::to_string(range.required_bytes()) + " bytes";
  return range.limit_bytes() == 0 ? required : required + " and at most " + std::to_string(range.limit_bytes());
}
}  // namespace

Result<std::int64_t> size_for(const ::csi::v1::CapacityRange& range, const SizeRule& rule) {
  const auto required = range.required_bytes(), limit = range.limit_bytes();
  if (required < 0 || limit < 0) return no_effect(Code::InvalidArgument, "capacity_range has a negative size");
  if (limit != 0 && limit < required)
    return no_effect(Code::InvalidArgument, "capacity_range: the limit is below what is required (" + text_of(range) + ")");
  if (required > kMaxSizeBytes)
    return no_effect(Code::OutOfRange,
                     std::to_string(required) + " bytes are more than a volume can have (" + std::to_string(kMaxSizeBytes) + ")");
  auto wanted = required == 0 ? std::max(rule.least, rule.otherwise) : std::max(rule.least, required);
  if (required == 0 && limit != 0) wanted = std::max(rule.least, std::min(wanted, limit / rule.step * rule.step));
  const auto steps = wanted / rule.step + (wanted % rule.step == 0 ? 0 : 1);
  const auto size = std::max<std::int64_t>(steps, 1) * rule.step;  // kMaxSizeBytes is a whole GiB, so this does not overflow
  if (limit == 0 || size <= limit) return size;
  return no_effect(Code::OutOfRange, "no size fits into capacity_range (" + text_of(range) + "): sizes here are multiples of " +
                                         format_size(rule.step) +
                                         (rule.least > limit ? ", and at least " + format_size(rule.least) + " is needed" : ""));
}

bool is_within(const ::csi::v1::CapacityRange& range, std::int64_t size_bytes) {
  return size_bytes >= range.required_bytes() && (range.limit_bytes() == 0 || size_bytes <= range.limit_bytes());
}

}  // namespace blockplug::csi
