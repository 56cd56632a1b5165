// SPDX-License-Identifier: Apache-2.0
#pragma once
// HandOver: tells the runtime of a pod in a VM where its volume is. On the path where a container would have the volume itself
// stands a small read-only tmpfs with one file, blockplug.json:
//
//   {"version": 1, "volume": "ceph/data", "vm": "web-0", "path": "/var/lib/kubelet/…/mount",
//    "guest_path": "/run/blockplug/volumes/ceph/data", "access": "read-write"}
//
//   raise:  make the tmpfs, write the file, make it read-only, then let it appear at the path: nobody sees a part of it
//   lower:  umount → rmdir of what we created
//   probe:  reads only the mount table; the tmpfs has our mark as its source
//
// A record for others, and not the disk itself: where it is missing it is made again, and nothing is lowered for that.
// Needs no rung below. Facts: "mount.path" (without symbolic links), "mount.staging_path" (as it was asked for). Owned by the
// composition root; stateless, runs on worker threads.
#include <optional>
#include <string>

#include "attach-detach/rung.h"
#include "hotplug/host/helper/helper.h"
#include "hotplug/host/mount/mount_table.h"
#include "hotplug/host/mount/mount_watch.h"

namespace blockplug::mount {

class HandOver : public Rung {
 public:
  struct Parts {
    Helper& helper;
    MountWatch& watch;
    std::string owner;    // identifies this daemon in the mark: see device_mark
    std::string backend;  // whose volumes its survey finds
  };
  explicit HandOver(Parts parts) : parts_(std::move(parts)) {}
  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  Survey survey(Time deadline) override;

 private:
  Result<Attempt> mount_at(const Call& call, const std::string& path) const;
  Finding judge(const Call& call, const std::string& path) const;
  // The topmost of ours at this path, whatever covers it.
  std::optional<Mount> find_ours(const std::vector<Mount>& mounts, const std::string& path, const VolumeId& volume) const;
  bool is_ours(const Mount& mount, const VolumeId& volume) const;

  const Parts parts_;
};

}  // namespace blockplug::mount
