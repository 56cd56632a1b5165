// SPDX-License-Identifier: Apache-2.0
#pragma once
// The order Fence: shut the holders of an image out of the cluster for good, then free its hold. Each step finds what an earlier
// attempt did, so a crash between any two is only a repetition.
//
//   hold: fencing, with all victims named → each on the blocklist for ten years → seen there, and our OSD map has it → hold freed
//
// Only on an explicit order. It does not detach anything: the fenced node finds its hold gone.
#include <string>

#include "attach-detach/order.h"
#include "ceph/cluster.h"
#include "ceph/hold_record.h"
#include "ceph/place.h"

namespace blockplug::rbd {

struct Header;
struct Pool;

class Fence {
 public:
  Fence(Cluster& cluster, Place place, std::string node) : cluster_(cluster), place_(std::move(place)), node_(std::move(node)) {}

  // Argument "whole_node": an address of which every client is shut out, needed where a holder's client is not known. Facts: as
  // orders have them, and "fenced", the victims.
  Result<Facts> perform(const OrderCall& call);

 private:
  Result<HoldRecord> fencing(const OrderCall& call, Pool& pool, const HoldRecord& now, const Header& header) const;
  Result<std::string> blocklist(Pool& pool) const;
  Status take_back(Pool& pool, const std::string& id, const HoldRecord& marked) const;
  Status shut_out(Pool& pool, const std::string& victim) const;
  Status verify(Pool& pool, const std::vector<std::string>& victims) const;

  Cluster& cluster_;
  const Place place_;
  const std::string node_;
};

}  // namespace blockplug::rbd
