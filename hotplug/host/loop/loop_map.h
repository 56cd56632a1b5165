// SPDX-License-Identifier: Apache-2.0
#pragma once
// Map for volumes that are files: a loop device over the inode that Hold has locked, with direct I/O if the file system supports
// it, read-only if desired, grown with the file.
//
//   raise:  no device of ours over the inode → loop-map; ours with another size → loop-resize; ours over another inode, or with
//           another access → loop-unmap first
//   lower:  loop-unmap of every device with our marker; waits while one is in use, naming the user (a mount anywhere, a process)
//   probe:  Up only if a device with our marker is over the held inode; found by the record or, after a crash, among all devices
//
// Needs from below: "image.path", "image.id" ("file:<device>:<inode>"), "image.direct". Facts: "device.path" "/dev/loop3",
// "device.number" "7:3", "device.size_bytes", "device.direct". Owned by the composition root; stateless, runs on worker threads.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/rung.h"
#include "hotplug/host/helper/helper.h"
#include "hotplug/host/loop/loop_devices.h"
#include "hotplug/host/udev/block_events.h"

namespace blockplug {

class LoopMap : public Rung {
 public:
  struct Parts {
    Helper& helper;
    BlockEvents& events;
    std::string owner;  // identifies this daemon in the marker: its node and its state_dir
    // The volume that a file belongs to; nullopt: none of this backend. For survey.
    std::function<std::optional<VolumeId>(const loop::LoopDevice&)> volume_of;
  };
  explicit LoopMap(Parts parts) : parts_(std::move(parts)) {}
  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  Survey survey(Time deadline) override;

  // For the hold below: is this the loop device that this attachment mapped in an earlier run of the daemon?
  bool is_ours(const AttachmentKey& key, const std::string& device) const;

 private:
  Result<Facts> run(const Call& call, const std::string& verb, Facts arguments, const std::string& what);
  Result<Facts> unmap(const Call& call, const loop::LoopDevice& device);
  Result<loop::LoopDevice> map(const Call& call);
  Result<loop::LoopDevice> grow(const Call& call, const loop::LoopDevice& device);
  Result<std::vector<loop::LoopDevice>> ours(const Call& call) const;
  Result<std::vector<loop::LoopDevice>> every_one_of_ours(const Call& call) const;

  const Parts parts_;
};

}  // namespace blockplug
