// SPDX-License-Identifier: Apache-2.0
#pragma once
// Mounts the file system of an RBD image at a host path: by the daemon with one of its mappers, and by the usual programs, on the
// same image.
#include <string>

#include "tests/bench/bare_mapping.h"
#include "tests/bench/image_plugging.h"

namespace blockplug::bench {

enum class Mapping : std::uint8_t { Fuse, Krbd };
const char* to_text(Mapping mapping);  // as the daemon's configuration calls it

struct ImageMountingSettings {
  CephLab lab;
  Mapping mapping{};      // which the daemon is configured for
  std::string directory;  // for scratch
  std::size_t cycles{};
};

Result<ImageFigures> measure_image_mounting(const ImageMountingSettings& settings, AdminCaller& caller);

}  // namespace blockplug::bench
