// SPDX-License-Identifier: Apache-2.0
#pragma once
// Snapshots at the door.
#include <string>
#include <vector>

#include "volume-plugin/door/call.h"
#include "volume-plugin/door/lookups.h"

namespace blockplug {

class SnapshotDoor {
 public:
  struct Snapshot {
    VolumeId volume;
    SnapshotInfo info;
  };
  struct Listing {
    std::vector<Snapshot> snapshots;
    std::vector<std::string> problems;  // backends that did not answer
  };
  using SnapshotAnswer = std::function<void(Result<Snapshot>)>;

  SnapshotDoor(const Calls& calls, const BackendLookups& lookups) : calls_(calls), lookups_(lookups) {}
  DoorCallPtr create(const std::string& volume, const std::string& name, const std::string& operation, Time deadline,
                     SnapshotAnswer answer);
  DoorCallPtr remove(const std::string& snapshot, const std::string& operation, Time deadline, StatusAnswer answer);
  void list(const std::string& volume, std::function<void(Result<Listing>)> answer);  // empty: of all volumes

 private:
  const Calls& calls_;
  const BackendLookups& lookups_;
};

}  // namespace blockplug
