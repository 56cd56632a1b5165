// SPDX-License-Identifier: Apache-2.0
#pragma once
// Attaches many RBD images to several VMs: all at once, compared with one after another. Total wall time.
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
