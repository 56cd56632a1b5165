// SPDX-License-Identifier: Apache-2.0
#pragma once
// Map for volumes that are files: a loop device over the very inode that Hold locked, with direct I/O where the file system can,
// read-only where so wished, grown with the file.
//
//   raise:  none of ours over the inode → loop-map; ours with another size → loop-resize; ours over another inode, or with another
//           access → loop-unmap first
//   lower:  loop-unmap of whatever carries our mark; "still in use" is waited for, naming who (a mount anywhere, a process)
//   probe:  Up only where a device of our mark is over the inode below; by the record or, after a crash, by looking at all
//
// Needs from below: "hold.path", "hold.image" ("file:<device>:<inode>"), "hold.direct". Facts: "device" "/dev/loop3", "number"
// "7:3", "size_bytes", "direct". Owned by the composition root; stateless, runs on worker threads.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/rung.h"
#include "hotplug/helper/helper.h"
#include "hotplug/loop/loop_devices.h"
#include "hotplug/udev/block_events.h"

namespace blockplug {

// What a loop device of this daemon's carries in its name field: tells ours from another daemon's on the same host.
std::string loop_mark(const std::string& owner, const VolumeId& volume);  // "bp-" and 26 characters

class LoopMap : public Rung {
 public:
  struct Parts {
    Helper& helper;
    BlockEvents& events;
    std::string owner;  // which daemon this is, for the mark: its node and its state_dir
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
  Result<Facts> run(const Call& call, const std::string& verb, Facts arguments, const std::string& what);
  Result<Facts> unmap(const Call& call, const loop::LoopDevice& device);
  Result<loop::LoopDevice> map(const Call& call);
  Result<loop::LoopDevice> grow(const Call& call, const loop::LoopDevice& device);
  Attempt up(const Call& call, const loop::LoopDevice& device);
  Result<std::vector<loop::LoopDevice>> ours(const Call& call) const;
  Result<std::vector<loop::LoopDevice>> every_one_of_ours(const Call& call) const;

  const Parts parts_;
};

}  // namespace blockplug
