// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a volume's own record says of its formatting. The record lies with the image, not with a daemon: whoever attaches the volume
// next, on whichever node, must know. Written durably before mkfs begins and after it has ended, so a crash in between is resumed
// and nothing else is ever formatted.
//
//   Never ──"formatting F uuid"──▶ Formatting ──mkfs done──▶ Formatted
#include <cstdint>
#include <string>

#include "attach-detach/ids.h"
#include "attach-detach/outcome.h"

namespace blockplug {

struct FormatRecord {
  enum class State : std::uint8_t { Never, Formatting, Formatted };
  State state{State::Never};
  std::string filesystem;  // "ext4"
  std::string uuid;        // that mkfs was, or is to be, told
  bool operator==(const FormatRecord&) const = default;
};

// Implemented by backends. Thread-safe; calls may block as long as the storage does.
class FormatRecords {
 public:
  virtual ~FormatRecords() = default;
  virtual Result<FormatRecord> format_of(const VolumeId& volume) = 0;            // DataLoss: there is a record and it is unreadable
  virtual Status set_format(const VolumeId& volume, const FormatRecord& record) = 0;  // durable when Ok
  // Has anything ever been written into the image? Proven by the storage itself (no allocated extents), without reading through
  // whoever has it open. False also where the storage cannot tell.
  virtual Result<bool> is_never_written(const VolumeId& volume) = 0;
};

std::string to_text(const FormatRecord& record);                   // "never", "formatting ext4 <uuid>", "formatted ext4 <uuid>"
Result<FormatRecord> format_record_from(const std::string& text);  // DataLoss

}  // namespace blockplug
