// SPDX-License-Identifier: Apache-2.0
#pragma once
// The RBD backend: volumes are images of one pool and namespace. Images that Blockplug created are marked; any image can be
// attached by its name, grown, limited and snapshotted, but only marked ones are listed and deleted.
//
// Made by the composition root; find, list and perform run on any worker thread. It attaches nothing: that starts with Hold. An
// image that is in use is resized and snapshotted through librbd, which asks the owner of the exclusive lock.
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/backend.h"
#include "ceph/cluster.h"
#include "ceph/features.h"
#include "ceph/place.h"

namespace blockplug::rbd {

struct Header;
class PendingImage;
struct Pool;
struct Source;

class RbdBackend final : public Backend {
 public:
  RbdBackend(Cluster& cluster, Place place, std::string node, std::uint64_t features = kDefaultFeatures)
      : cluster_(cluster), place_(std::move(place)), node_(std::move(node)), features_(features) {}

  Attempt perform(const OrderCall& call) override;
  // Details: "image" (for people), "managed" ("false": not created by Blockplug), "source" (it was cloned from), "locked" (by which
  // other client), "hold" (the hold's state beside its holders: being fenced, being deleted, unreadable).
  Result<VolumeInfo> find(const VolumeId& volume) override;
  Result<std::vector<VolumeInfo>> list() override;
  Status check_name(const std::string& name) const override;
  std::string way_to_limits() const override {
    return "set `mapper: fuse` for its backend and attach it again, or attach it to a VM";
  }
  Result<std::vector<SnapshotInfo>> snapshots(const VolumeId& volume) override;

 private:
  Result<Pool> pool();
  Result<Facts> create(const OrderCall& call);
  Result<Facts> clone(const OrderCall& call);
  Result<Facts> snapshot(const OrderCall& call);
  Result<Facts> resize(const OrderCall& call);
  Result<Facts> modify(const OrderCall& call);
  Result<Facts> remove(const OrderCall& call);
  Result<Header> make_clone(Pool& pool, const OrderCall& call, const Source& source, PendingImage& pending);
  Status check_clone_size(Pool& pool, const OrderCall& call, const Source& source, const std::optional<Header>& made);
  Result<std::int64_t> size_of(Pool& pool, const Source& source);
  Status clone_image(Pool& pool, const Source& source, const std::string& hidden);
  Result<bool> is_protected(Pool& pool, const std::string& id, const std::string& snapshot);
  Status drop_clone_snapshot(Pool& pool, const Source& source, const std::string& hidden);
  Status flatten(Pool& pool, const std::string& id);
  Status tidy_parent(Pool& pool, const std::string& parent);
  Status grow(Pool& pool, const std::string& id, std::int64_t size_bytes);
  Result<std::string> check_removable(Pool& pool, const std::string& name, const Header& header);
  Status remove_held(Pool& pool, const OrderCall& call, const Header& header);
  Status to_trash(Pool& pool, const std::string& name, const std::string& id);
  Status erase(Pool& pool, const std::string& name, const std::string& id, const std::string& parent);
  Status remove_name(Pool& pool, const std::string& name, const std::string& id);
  Result<Facts> facts_of(Pool& pool, const Header& header);
  VolumeInfo info_of(Pool& pool, const std::string& name, const Header& header);

  Cluster& cluster_;
  const Place place_;
  const std::string node_;
  const std::uint64_t features_;
};

}  // namespace blockplug::rbd
