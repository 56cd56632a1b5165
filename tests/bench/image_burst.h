// SPDX-License-Identifier: Apache-2.0
#pragma once
// Many RBD images to several VMs: all asked for at once against one after the other. Wall time of all.
#include <string>

#include "tests/bench/samples.h"

namespace blockplug::bench {

class AdminCaller;

struct ImageBurstSettings {
  std::size_t images{}, vms{};  // evenly; the VMs' ids are burst-0, burst-1, …
  std::size_t rounds{};
};

struct ImageBurstFigures {
  std::size_t images{}, vms{};
  Change at_once, one_by_one;
};

Result<ImageBurstFigures> measure_image_burst(const ImageBurstSettings& settings, AdminCaller& caller);

}  // namespace blockplug::bench
