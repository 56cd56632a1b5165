// SPDX-License-Identifier: Apache-2.0
#pragma once
// Map for volumes that are files: a loop device over the very inode that Hold locked, with direct I/O where the file system can,
// read-only where so wished, grown with the file.
//
//   raise:  none of ours over the inode → loop-map; ours with another size → loop-resize
//   lower:  loop-unmap; "still in use" is waited for, naming who (a mount anywhere, a process)
//   probe:  Up only where the device that is recorded is over the recorded inode and carries our mark
//
// Needs from below: "hold.path", "hold.image" ("file:<device>:<inode>"), "hold.direct". Facts: "device" "/dev/loop3", "number" "7:3",
// "size_bytes", "direct". Owned by the composition root; stateless, runs on worker threads.
#include <functional>
#include <optional>
#include <string>

#include "attach-detach/rung.h"
#include "hotplug/helper/helper.h"
#include "hotplug/loop/loop_devices.h"
#include "hotplug/udev/block_events.h"

namespace blockplug {

// What a loop device of this daemon's carries in its name field: tells ours from another daemon's on the same host.
std::string loop_mark(const std::string& node, const VolumeId& volume);  // "bp-" and 26 characters

class LoopMap : public Rung {
 public:
  struct Parts {
    Helper& helper;
    BlockEvents& events;
    std::string node;  // this daemon's, for the mark
    // Which volume a file is; nullopt: none of this backend's. For survey.
    std::function<std::optional<VolumeId>(const loop::LoopDevice&)> volume_of;
  };
  explicit LoopMap(Parts parts) : parts_(std::move(parts)) {}
  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  std::vector<Found> survey() override;

  // For the hold below: is this loop device the one that this attachment mapped in an earlier life?
  bool is_ours(const AttachmentKey& key, const std::string& device) const;

 private:
  const Parts parts_;
};

}  // namespace blockplug
