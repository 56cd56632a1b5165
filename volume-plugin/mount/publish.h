// SPDX-License-Identifier: Apache-2.0
#pragma once
// Publish: a staged file system, or the mapped device itself, bound to a path of a pod. A leaf per path.
//
//   raise:  check the target → make what is missing of it, marked as ours → bind (the source's device number is checked on the very
//           descriptor that is bound; read-only and flags are set before the mount becomes visible)
//   lower:  umount without a look at what is mounted → rmdir (rm of the empty file) of what we made
//           Hole: FailedPrecondition while somebody uses it, here or in another mount namespace
//   probe:  the mount table alone
//
// Needs from below: for a file system "stage.path" and "stage.number", for raw block (spec.filesystem empty) "map.device" and
// "map.number". Facts: "path" (without symbolic links), "number", "device" (raw block only).
// Owned by the composition root; stateless, runs on worker threads.
#include "attach-detach/rung.h"
#include "hotplug/helper/helper.h"
#include "volume-plugin/mount/mount_watch.h"

namespace blockplug::mount {

class Publish : public Rung {
 public:
  struct Parts {
    Helper& helper;
    MountWatch& watch;
    Rung& map;            // whose survey tells which devices are ours
    std::string staging;  // Stage's directory: mounts below it are not publishes
  };
  explicit Publish(Parts parts) : parts_(std::move(parts)) {}
  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  std::vector<Found> survey() override;

 private:
  Result<Attempt> bind(const Call& call) const;
  Finding judge(const Call& call, const std::string& path) const;

  const Parts parts_;
};

}  // namespace blockplug::mount
