// SPDX-License-Identifier: Apache-2.0
#pragma once
// Volumes that are RBD images: what Open (in QEMU) and the fuse mapper (in qemu-storage-daemon) read from. Before it says how, it
// looks at the image from our own process, and has "about to open" in the hold.
//
// Made by the composition root; calls come on any worker thread. The key goes only into the recipe's secret object.
#include <filesystem>
#include <memory>
#include <string>

#include "ceph/cluster.h"
#include "ceph/place.h"
#include "hotplug/vm/node_source.h"

namespace blockplug::rbd {

class RbdSource final : public NodeSource {
 public:
  struct Parts {
    Cluster& cluster;
    Place place;
    std::string node;
    std::filesystem::path run_dir;                // where QEMU's conf is written; nothing secret is in it
    std::chrono::milliseconds osd_op_timeout{0};  // of the guest's own operations; 0: they wait for ever
  };
  // Writes that conf.
  static Result<std::unique_ptr<RbdSource>> make(Parts parts);

  Result<NodeRecipe> recipe(const Call& call) override;  // announces
  // "About to open" is in the hold from now on. The image's size in bytes. FailedPrecondition: the hold is not ours (any more).
  Result<std::int64_t> announce(const Call& call);
  Status answers(const VolumeId& volume) override;
  std::optional<bool> is_of_volume(const Call& call, const std::string& shown) override;

 private:
  RbdSource(Parts parts, std::filesystem::path conf) : parts_(std::move(parts)), conf_(std::move(conf)) {}

  const Parts parts_;
  const std::filesystem::path conf_;
};

}  // namespace blockplug::rbd
