// SPDX-License-Identifier: Apache-2.0
#pragma once
// The node source of RBD images, for Open (in QEMU) and the fuse mapper (in qemu-storage-daemon). Before it returns the recipe, it
// checks the image from this process, and records "about to open" in the hold.
//
// Made by the composition root; calls come on any worker thread. The key is only in the recipe's secret object.
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "ceph/cluster.h"
#include "ceph/image_ref.h"
#include "ceph/place.h"
#include "hotplug/vm/node_source.h"

namespace blockplug::rbd {

class RbdSource final : public NodeSource {
 public:
  struct Parts {
    Cluster& cluster;
    Place place;
    std::string node;
    std::filesystem::path run_dir;                // where QEMU's conf is written; without secrets
    std::chrono::milliseconds osd_op_timeout{0};  // of the guest's own operations; 0: no limit
  };
  // Writes QEMU's conf.
  static Result<std::unique_ptr<RbdSource>> make(Parts parts);

  Result<NodeRecipe> recipe(const Call& call) override;  // announces
  // Records "about to open" in the hold. Returns the image's size in bytes. FailedPrecondition: this node does not hold the image.
  Result<std::int64_t> announce(const Call& call);
  Status answers(const Call& call) override;
  Status answers(const VolumeId& volume) override;
  std::optional<bool> is_of_volume(const Call& call, const std::string& shown) override;

 private:
  RbdSource(Parts parts, std::filesystem::path conf) : parts_(std::move(parts)), conf_(std::move(conf)) {}

  ImageRef image_for(const Call& call);
  Status answers(const ImageRef& image);

  const Parts parts_;
  const std::filesystem::path conf_;
  std::mutex mutex_;                        // guards elsewhere_
  std::map<VolumeId, ImageRef> elsewhere_;  // images that are not what the configuration says, as the last call had them
};

}  // namespace blockplug::rbd
