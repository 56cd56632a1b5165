// SPDX-License-Identifier: Apache-2.0
#pragma once
// Private to this folder's .cc files: snapshots of an image and their clones, by librbd. Snapshots are protected while they are
// there, so that they can be cloned whatever clone format the cluster has.
#include <memory>
#include <string>
#include <vector>

#include "ceph/backend.h"

namespace librbd {
class Image;
}

namespace blockplug::rbd {

struct Pool;

// Snapshots that only carry a clone of a whole volume begin so; they go with their last clone.
inline constexpr const char* kCarrier = "blockplug.clone.";

// Open as long as it lives.
struct OpenImage {
  OpenImage();
  ~OpenImage();
  const std::unique_ptr<librbd::Image> image;
};
// Without a watcher.
Status open_to_read(Pool& pool, const std::string& id, OpenImage& opened);
// Unavailable: a client that has it for writing is silent.
Status open_to_change(Pool& pool, const std::string& id, OpenImage& opened);

Result<std::vector<SnapshotInfo>> snapshots_of(Pool& pool, librbd::Image& image);
Status make_snapshot(Pool& pool, librbd::Image& image, const std::string& name);  // there already is fine
// FailedPrecondition names its clones. Gone already is fine.
Status remove_snapshot(Pool& pool, librbd::Image& image, const std::string& name);
// Those that carry no clone any more.
Status remove_idle_carriers(Pool& pool, librbd::Image& image);

}  // namespace blockplug::rbd
