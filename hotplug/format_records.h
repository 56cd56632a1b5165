// SPDX-License-Identifier: Apache-2.0
#pragma once
// A volume's format record. It is stored with the image, not with a daemon, because every node that attaches the volume must know
// it. Written durably before mkfs starts and after it has finished, so that an interrupted mkfs is resumed and nothing else is
// formatted.
//
//   Never ──"formatting F uuid"──▶ Formatting ──mkfs done──▶ Formatted
#include <cstdint>
#include <string>

#include "attach-detach/outcome.h"
#include "attach-detach/rung.h"

namespace blockplug {

struct FormatRecord {
  enum class State : std::uint8_t { Never, Formatting, Formatted };
  State state{State::Never};
  std::string filesystem;  // "ext4"
  std::string uuid;        // the uuid passed to mkfs
  bool operator==(const FormatRecord&) const = default;
};

// Implemented by backends, for the image of the call. Thread-safe; calls may block as long as the storage does.
class FormatRecords {
 public:
  virtual ~FormatRecords() = default;
  virtual Result<FormatRecord> format_of(const Call& call) = 0;                 // DataLoss: there is a record and it is unreadable
  virtual Status set_format(const Call& call, const FormatRecord& record) = 0;  // durable when Ok
  // Was the image ever written? Verified by the storage itself (no allocated extents), without reading through a client that has it
  // open. False also if the storage cannot tell.
  virtual Result<bool> is_never_written(const Call& call) = 0;
};

std::string to_text(const FormatRecord& record);                   // "never", "formatting ext4 <uuid>", "formatted ext4 <uuid>"
Result<FormatRecord> format_record_from(const std::string& text);  // DataLoss

}  // namespace blockplug
