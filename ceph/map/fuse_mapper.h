// SPDX-License-Identifier: Apache-2.0
#pragma once
// The mapper "fuse": a storage daemon with QEMU's RBD driver. Owned by the composition root; same threads as FuseMap.
#include "ceph/map/mapper.h"
#include "hotplug/host/storage_daemon/fuse_map.h"

namespace blockplug::rbd {

class FuseMapper final : public Mapper, public DeviceLimits {
 public:
  explicit FuseMapper(fuse::FuseMap::Parts parts) : map_(std::move(parts)) {}

  const char* name() const override { return fuse::FuseMap::kName; }
  std::optional<std::string> unfit(const Call& call, const Header& header) override;
  Attempt raise(const Call& call) override { return map_.raise(call); }
  Attempt lower(const Call& call) override { return map_.lower(call); }
  Finding probe(const Call& call) override { return map_.probe(call); }
  Survey survey(Time deadline) override { return map_.survey(deadline); }
  Status put_limits(const Call& call, const Spec& spec) override { return map_.put_limits(call, spec); }

 private:
  fuse::FuseMap map_;
};

}  // namespace blockplug::rbd
