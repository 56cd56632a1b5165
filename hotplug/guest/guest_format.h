// SPDX-License-Identifier: Apache-2.0
#pragma once
// Decides which file system to mount, and formats first if that verifiably destroys nothing. The decision is a pure function;
// reading the disk and mkfs go through the agent.
//
//   record:  Never ──verifiably blank──▶ Formatting ──mkfs in the guest──▶ Formatted
//              ▲                            │   ▲
//              └──refused, nothing written──┘   └── an interrupted mkfs is repeated, if this rung was not down since it started
#include <cstdint>
#include <string>
#include <variant>

#include "attach-detach/rung.h"
#include "hotplug/contents.h"
#include "hotplug/format_records.h"
#include "hotplug/guest/agent.h"
#include "hotplug/guest/guest_disk.h"

namespace blockplug {

struct FormatQuestion {
  const Contents& contents;  // as read by the guest
  const FormatRecord& record;
  bool is_never_written{};  // the storage confirms that the image was never written
  bool is_resumable{};      // this rung started the mkfs of the record and was not down since: nobody else can have written
  Access access{};
  const std::string& filesystem;  // requested: "ext4", "xfs", "auto"
  bool leaves_journal{};          // a read-only attach asks to see it without replaying its journal
};
struct UseIt {};
struct MakeIt {
  std::string filesystem;
  std::string uuid;    // empty: a new one
  bool is_repeated{};  // over the remains of our interrupted mkfs
};
using FormatAnswer = std::variant<UseIt, MakeIt, Error>;
FormatAnswer decide(const FormatQuestion& question);

// Reads both ends of the disk through the guest; the middle counts as zeros. What is formatted according to its record is known by
// less of them: every byte takes its time through the agent.
struct GuestContents : Contents {
  bool is_half_made{};  // an xfs whose mkfs has not finished
};
Result<GuestContents> guest_contents(Agent& agent, const GuestDisk& disk, const FormatRecord& record);

// The file system on the disk when this returns.
struct Prepared {
  std::string filesystem;
  std::int64_t size_bytes{};  // of the file system; 0: as large as the disk
  std::string if_refused{};   // what explains a mount that is refused as invalid (hotplug/filesystem_features.h)
};
// The volume's limits on its disk: they do not apply to mkfs, because nothing uses the disk yet.
class DiskLimits {
 public:
  virtual ~DiskLimits() = default;
  virtual Status lift() = 0;
  virtual Status apply() = 0;
};
std::variant<Prepared, Waiting, Error> prepare(Agent& agent, const GuestDisk& disk, const Call& call, FormatRecords& records,
                                               DiskLimits& limits);

}  // namespace blockplug
