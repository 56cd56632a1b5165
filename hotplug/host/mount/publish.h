// SPDX-License-Identifier: Apache-2.0
#pragma once
// Publish: binds a staged file system, or the mapped device itself, to a path of a pod. One leaf per path.
//
//   raise:  check the target → create what is missing, marked as ours → bind (the source's device number is checked on the
//           descriptor that is bound; read-only and flags are set before the mount becomes visible)
//   lower:  umount without accessing the mounted file system → rmdir (or rm of the empty file) of what we created
//           Hole: FailedPrecondition while it is in use, here or in another mount namespace
//   probe:  reads only the mount table
//
// Needs from below: for a file system "mount.path" and "mount.number", for raw block (spec.filesystem empty) "device.path"
// and "device.number". Facts: "mount.path" (without symbolic links), "mount.number", "mount.device" (raw block only).
// Owned by the composition root; stateless, runs on worker threads.
#include "attach-detach/rung.h"
#include "hotplug/host/helper/helper.h"
#include "hotplug/host/mount/mount_watch.h"

namespace blockplug::mount {

class Publish : public Rung {
 public:
  struct Parts {
    Helper& helper;
    MountWatch& watch;
    Rung& map;            // its survey finds the devices that are ours
    std::string staging;  // Stage's directory: mounts below it are not published paths
  };
  explicit Publish(Parts parts) : parts_(std::move(parts)) {}
  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  Survey survey(Time deadline) override;

 private:
  Result<Attempt> bind(const Call& call) const;
  Finding judge(const Call& call, const std::string& path) const;

  const Parts parts_;
};

}  // namespace blockplug::mount
