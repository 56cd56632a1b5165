// SPDX-License-Identifier: Apache-2.0
#pragma once
// The door: checks what comes from outside, asks the volume's backend what is there, and hands the desired state to the Volume
// Manager. The admin and the CSI services use it; neither gRPC, a command line's flags nor a backend's kind is known here.
//
// Every call returns at once, on any thread; its answer comes on the core thread, exactly once, unless the call was cancelled.
#include "volume-plugin/door/attachments.h"
#include "volume-plugin/door/changes.h"
#include "volume-plugin/door/orphans.h"
#include "volume-plugin/door/snapshots.h"
#include "volume-plugin/door/usage.h"
#include "volume-plugin/door/volumes.h"

namespace blockplug {

class Door {
 public:
  struct Parts {
    VolumeManager& manager;
    Runner& runner;
    const Ladders& ladders;
    BackendsByName backends;
    Targets& targets;
    std::function<void(const DoorCallEnd&)> on_call_end{};  // may be empty
  };
  explicit Door(Parts parts)
      : calls_(parts.manager, parts.runner, std::move(parts.on_call_end)),
        lookups_(parts.runner, std::move(parts.backends)),
        attachments_({calls_, lookups_, parts.ladders, parts.targets}),
        volumes_(calls_, lookups_),
        changes_(calls_, lookups_),
        snapshots_(calls_, lookups_),
        orphans_(calls_),
        usage_(calls_, parts.targets) {}
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  AttachmentDoor& attachments() { return attachments_; }
  VolumeDoor& volumes() { return volumes_; }
  ChangeDoor& changes() { return changes_; }
  SnapshotDoor& snapshots() { return snapshots_; }
  OrphanDoor& orphans() { return orphans_; }
  UsageDoor& usage() { return usage_; }
  const BackendsByName& backends() const { return lookups_.backends(); }
  void cancel(const DoorCallPtr& call) const { calls_.cancel(call); }  // any thread

 private:
  Calls calls_;
  BackendLookups lookups_;
  AttachmentDoor attachments_;
  VolumeDoor volumes_;
  ChangeDoor changes_;
  SnapshotDoor snapshots_;
  OrphanDoor orphans_;
  UsageDoor usage_;
};

}  // namespace blockplug
