// SPDX-License-Identifier: Apache-2.0
#pragma once
// The order Fence: permanently blocklists the holders of an image, then frees its hold. Each step finds what an earlier attempt
// did, so after a crash the order is simply repeated.
//
//   hold: fencing, with all victims → each on the blocklist for ten years → verified there, and in our OSD map → hold freed
//
// Only on an explicit order. It detaches nothing: the fenced node notices that its hold is gone.
#include <string>

#include "attach-detach/order.h"
#include "ceph/cluster.h"
#include "ceph/hold_record.h"
#include "ceph/image_ref.h"

namespace blockplug::rbd {

struct Header;
struct Pool;

class Fence {
 public:
  Fence(Cluster& cluster, ImageRef image, std::string node) : cluster_(cluster), image_(std::move(image)), node_(std::move(node)) {}

  // Argument "whole_node": blocklists every client at this address; needed if a holder's client is not known. Argument "node": only
  // this node's holders; others, which are readers, keep the image. With it "held_since" (RFC 3339): nothing is done where the node
  // has taken the image later than that. Facts: those of every order, and "fenced", the victims.
  Result<Facts> perform(const OrderCall& call);

 private:
  Result<HoldRecord> fencing(const OrderCall& call, Pool& pool, const HoldRecord& now, const Header& header) const;
  Result<std::string> blocklist(Pool& pool) const;
  Status take_back(Pool& pool, const std::string& id, const HoldRecord& marked) const;
  Status add_to_blocklist(Pool& pool, const std::string& victim) const;
  Status verify(Pool& pool, const std::vector<std::string>& victims) const;

  Cluster& cluster_;
  const ImageRef image_;
  const std::string node_;
};

}  // namespace blockplug::rbd
