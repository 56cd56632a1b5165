// SPDX-License-Identifier: Apache-2.0
#pragma once
// Repair at the door: takes down what has our marker but no record. Contacts no backend: it must work while that is gone.
#include <string>
#include <vector>

#include "volume-plugin/door/call.h"

namespace blockplug {

class OrphanDoor {
 public:
  struct Repair {
    std::string volume;  // empty: all
    bool is_dry_run{};
    std::string operation;
  };
  // Things that have our marker but no record, at one target.
  struct Orphan {
    AttachmentKey key;
    std::vector<std::string> things;
    bool is_repaired{};
    std::string problem;  // why it is not
  };
  using OrphansAnswer = std::function<void(Result<std::vector<Orphan>>)>;

  explicit OrphanDoor(const Calls& calls) : calls_(calls) {}
  DoorCallPtr repair(const Repair& wanted, Time deadline, OrphansAnswer answer);

 private:
  struct Repairing;  // one call of repair
  std::vector<Orphan> found(const std::string& volume) const;
  std::vector<DetachRequest> requests_for(const AttachmentKey& key, const std::string& operation) const;
  void take_down(const std::shared_ptr<Repairing>& repairing, const std::string& operation) const;
  void give_up(Repairing& repairing) const;
  const Calls& calls_;
};

}  // namespace blockplug
