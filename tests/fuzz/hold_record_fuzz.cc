// SPDX-License-Identifier: Apache-2.0
// Any bytes as the hold of an image, whose attribute whoever may write to the pool can set: understood or refused, and what was
// understood is written and read again as the same.
#include <cstddef>
#include <cstdint>
#include <string>

#include "attach-detach/check.h"
#include "ceph/hold_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blockplug::rbd::hold_record_from;
  auto record = hold_record_from(std::string(reinterpret_cast<const char*>(data), size));
  if (!record.ok()) {
    CHECK(!record.error().message.empty());
    return 0;
  }
  CHECK(record->is_free() == describe(*record).empty());
  if (record->fencing.empty()) record->victims.clear();  // they are of a fence, and mean nothing without one
  const auto again = hold_record_from(to_text(*record));
  CHECK(again.ok() && *again == *record);
  return 0;
}
