// SPDX-License-Identifier: Apache-2.0
#pragma once
// Private to this folder's .cc files: snapshots of an image and their clones, by librbd. Snapshots are always protected, so that
// they can be cloned with either clone format.
#include <memory>
#include <string>
#include <vector>

#include "ceph/backend.h"

namespace librbd {
class Image;
}

namespace blockplug::rbd {

struct Pool;

// Prefix of clone snapshots: those that exist only because a whole volume was cloned. They are removed with their last clone.
inline constexpr const char* kCloneSnapshot = "blockplug.clone.";

// The image is open as long as this object lives.
struct OpenImage {
  OpenImage();
  ~OpenImage();
  const std::unique_ptr<librbd::Image> image;
};
// Without a watcher.
Status open_to_read(Pool& pool, const std::string& id, OpenImage& opened);
// Unavailable: a client that has it open for writing is silent.
Status open_to_change(Pool& pool, const std::string& id, OpenImage& opened);

Result<std::vector<SnapshotInfo>> snapshots_of(Pool& pool, librbd::Image& image);
Status make_snapshot(Pool& pool, librbd::Image& image, const std::string& name);  // succeeds if it exists
// FailedPrecondition lists its clones. Succeeds if it does not exist.
Status remove_snapshot(Pool& pool, librbd::Image& image, const std::string& name);
// Clone snapshots without a clone.
Status remove_idle_clone_snapshots(Pool& pool, librbd::Image& image);

}  // namespace blockplug::rbd
