// SPDX-License-Identifier: Apache-2.0
#pragma once
// The rung Map for RBD volumes: uses the configured mapper, or (auto) the first that can map this image here. A mapped image stays
// with its mapper, also after a restart of the daemon.
//
// Made by the composition root; calls come on any worker thread, one at a time per volume.
#include <vector>

#include "ceph/cluster.h"
#include "ceph/map/mapper.h"
#include "ceph/place.h"

namespace blockplug::rbd {

class RbdMap final : public Rung {
 public:
  // `all`: every mapper, also those that the configuration no longer allows, for existing mappings. `allowed`: for new mappings, in
  // order of preference. Not owned.
  RbdMap(Cluster& cluster, Place place, std::vector<Mapper*> all, std::vector<Mapper*> allowed)
      : cluster_(cluster), place_(std::move(place)), mappers_(std::move(all)), allowed_(std::move(allowed)) {}

  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;  // everything that any mapper has mapped
  Finding probe(const Call& call) override;
  Survey survey(Time deadline) override;

 private:
  Mapper* recorded(const Call& call) const;
  Result<Mapper*> choose(const Call& call);

  Cluster& cluster_;
  const Place place_;
  const std::vector<Mapper*> mappers_, allowed_;
};

}  // namespace blockplug::rbd
