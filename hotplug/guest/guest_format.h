// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which file system to mount, made first where that is proven to destroy nothing. The decision is a pure function; what it is
// decided on, and mkfs, go through the agent.
//
//   record:  Never ──blank by all proofs──▶ Formatting ──mkfs in the guest──▶ Formatted
//              ▲                              │    ▲ what an interrupted mkfs of ours left is made anew, by the same life of the rung
//              └──refused, nothing written────┘
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
  const Contents& contents;  // what the guest reads
  const FormatRecord& record;
  bool is_never_written{};  // nothing was ever written into the image, by the storage's own word
  bool is_resumable{};      // this life of the rung began the mkfs of the record: nobody else can have written since
  Access access{};
  const std::string& filesystem;  // wished: "ext4", "xfs", "auto"
};
struct UseIt {};
struct MakeIt {
  std::string filesystem;
  std::string uuid;    // empty: a new one
  bool is_repeated{};  // over what is left of an interrupted mkfs of ours
};
using FormatAnswer = std::variant<UseIt, MakeIt, Error>;
FormatAnswer decide(const FormatQuestion& question);

// Reads both ends of the disk through the guest; the middle is taken for zeros.
struct GuestContents : Contents {
  bool is_half_made{};  // an xfs whose mkfs has not ended
};
Result<GuestContents> guest_contents(Agent& agent, const GuestDisk& disk);

// The file system that is on the disk when this returns.
struct Prepared {
  std::string filesystem;
  std::int64_t size_bytes{};  // of the file system; 0: as large as the disk
};
std::variant<Prepared, Waiting, Error> prepare(Agent& agent, const GuestDisk& disk, const Call& call, FormatRecords& records);

}  // namespace blockplug
