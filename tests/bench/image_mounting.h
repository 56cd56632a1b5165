// SPDX-License-Identifier: Apache-2.0
#pragma once
// The file system of an RBD image on a path of this host: through the daemon by one of its mappers, and by the programs that do the
// same for people, on the same image.
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
