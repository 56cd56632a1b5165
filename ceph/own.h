// SPDX-License-Identifier: Apache-2.0
#pragma once
// The rung Own: which client of the cluster the opened image has, written into the hold, so that a fence can shut out exactly that
// one. "about to open" is in the hold before (Hold's raise, and RbdSource before each open); afterwards the one new watcher on an
// address of this host is it. None or several: not known, and the facts say so; a fence then needs the whole node. Of a kernel
// mapping the kernel says which client it is ("device.client"), also where it only reads and so watches nothing.
//
// Falls with the rung below: lower has nothing to do. Stateless; calls come on any worker thread.
#include <string>

#include "attach-detach/rung.h"
#include "ceph/cluster.h"
#include "ceph/hold_record.h"
#include "ceph/place.h"

namespace blockplug::rbd {

struct Header;
struct Pool;

// Facts: "image.client" (an address, or "unknown") and, where unknown, "image.client_why". Needs "image.rbd_id"; of what opened the
// image its process, where there is one.
class Own final : public Rung {
 public:
  Own(Cluster& cluster, Place place, std::string node) : cluster_(cluster), place_(std::move(place)), node_(std::move(node)) {}

  Attempt raise(const Call& call) override;
  Attempt lower(const Call&) override { return Done{}; }
  Finding probe(const Call& call) override;
  Survey survey(Time) override { return {}; }  // Hold finds the entry

 private:
  Result<Facts> record(const Call& call);

  Cluster& cluster_;
  const Place place_;
  const std::string node_;
};

}  // namespace blockplug::rbd
