// SPDX-License-Identifier: Apache-2.0
#pragma once
// Changes at the door: orders on a volume that somebody may be using, here or elsewhere.
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "volume-plugin/door/call.h"
#include "volume-plugin/door/lookups.h"

namespace blockplug {

class ChangeDoor {
 public:
  // 0: no limit; none: as it is.
  struct Modify {
    std::string volume;
    std::optional<std::int64_t> iops, bytes_per_second;
    std::string operation;
  };
  struct Fence {
    std::string volume;
    std::string whole_node;  // blocklists every client at this address; empty: the known clients
    std::string operation;
    std::string only_node{};   // what this node has of it; empty: whoever has it
    std::string held_since{};  // with only_node: and has had since then (VolumeHolder::since); empty: whatever it has
  };
  using FenceAnswer = std::function<void(Result<std::vector<std::string>>)>;  // the blocklisted clients; empty: it had no holder

  ChangeDoor(const Calls& calls, const BackendLookups& lookups) : calls_(calls), lookups_(lookups) {}
  DoorCallPtr expand(const std::string& volume, std::int64_t size_bytes, const std::string& operation, Time deadline,
                     VolumeAnswer answer);
  // Looks at its size and limits, and answers when every attachment shows them. NotFound.
  DoorCallPtr refresh(const std::string& volume, Time deadline, VolumeAnswer answer);
  DoorCallPtr modify(const Modify& wanted, Time deadline, VolumeAnswer answer);
  DoorCallPtr fence(const Fence& wanted, Time deadline, FenceAnswer answer);
  // Contacts no backend: what cannot succeed must go where that does not answer, too.
  DoorCallPtr cancel_orders(const std::string& volume, Time deadline, std::function<void(Result<CancelledOrders>)> answer);

 private:
  Status may_limit(const VolumeId& volume) const;
  Status may_fence(const VolumeInfo& info) const;
  // Places the order, and answers with the volume when every attachment shows the change.
  void order_and_show(const DoorCallPtr& call, const OrderRequest& request, const VolumeAnswer& answer);
  // Those that wait for something now will be opened with the new spec, when that comes.
  std::set<TargetId> waiting(const VolumeId& volume) const;
  void wait_until_shown(const DoorCallPtr& call, const VolumeId& volume, const std::set<TargetId>& waiting,
                        const std::function<void(Status)>& done);
  const Calls& calls_;
  const BackendLookups& lookups_;
};

}  // namespace blockplug
