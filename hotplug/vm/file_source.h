// SPDX-License-Identifier: Apache-2.0
#pragma once
// Volumes that are plain raw files: the path and whether O_DIRECT works there are facts of Hold ("hold.path", "hold.direct").
#include "hotplug/vm/node_source.h"

namespace blockplug {

class FileSource : public NodeSource {
 public:
  Result<NodeRecipe> recipe(const Call& call) override;
  Status answers(const VolumeId&) override { return Ok{}; }
  std::optional<bool> is_of_volume(const Call& call, const std::string& shown) override;
};

}  // namespace blockplug
