// SPDX-License-Identifier: Apache-2.0
#pragma once
// The rung Map for RBD volumes: by whichever mapper is configured, or (auto) by the first that can map this image here. What is
// mapped already stays with the mapper that mapped it, also in the next life of the daemon.
//
// Made by the composition root; calls come on any worker thread, one at a time per volume.
#include <vector>

#include "ceph/cluster.h"
#include "ceph/map/mapper.h"
#include "ceph/place.h"

namespace blockplug::rbd {

class RbdMap final : public Rung {
 public:
  // `all` know what they have mapped, also before the configuration was changed; `allowed`, in order of preference, map anew. Not owned.
  RbdMap(Cluster& cluster, Place place, std::vector<Mapper*> all, std::vector<Mapper*> allowed)
      : cluster_(cluster), place_(std::move(place)), mappers_(std::move(all)), allowed_(std::move(allowed)) {}

  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;  // whatever any of them has mapped
  Finding probe(const Call& call) override;
  std::vector<Found> survey() override;

 private:
  Mapper* recorded(const Call& call) const;
  Result<Mapper*> choose(const Call& call);

  Cluster& cluster_;
  const Place place_;
  const std::vector<Mapper*> mappers_, allowed_;
};

}  // namespace blockplug::rbd
