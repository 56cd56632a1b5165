// SPDX-License-Identifier: Apache-2.0
#pragma once
// Volumes that are plain raw files: the path, the file's identity, and whether O_DIRECT works there are facts of Hold
// ("image.path", "image.id", "image.direct"). QEMU gets the file open, so that it needs no access to the path.
#include "hotplug/vm/node_source.h"

namespace blockplug {

class FileSource : public NodeSource {
 public:
  Result<NodeRecipe> recipe(const Call& call) override;
  Status answers(const Call&) override { return Ok{}; }
  Status answers(const VolumeId&) override { return Ok{}; }
  bool passes_descriptors() const override { return true; }
  std::optional<bool> is_of_volume(const Call& call, const std::string& shown) override;
};

}  // namespace blockplug
