// SPDX-License-Identifier: Apache-2.0
#pragma once
// A new volume's file appears complete or not at all: it is created under a temporary name and renamed when it is on disk. Until
// then it has the daemon's lock, so that another daemon's cleanup of the same directory leaves it alone. Free functions.
#include <cstdint>
#include <string>
#include <vector>

#include "attach-detach/outcome.h"
#include "volume-plugin/local/directory.h"

namespace blockplug::local {

enum class Made : std::uint8_t { Now, NameWasTaken };

// A sparse file of that size for the volume, durable when this returns. Every error except that of the last fsync has effect None
// and leaves nothing behind.
Result<Made> make_volume_file(const VolumeDirectory& directory, const std::string& name, std::int64_t size_bytes);

// Removes incomplete files of crashed daemons.
Status sweep_unfinished_files(const VolumeDirectory& directory);

// Makes renames, links and removals in the directory durable.
Status make_names_durable(const VolumeDirectory& directory);

// Every name in the directory.
Result<std::vector<std::string>> names_in(const VolumeDirectory& directory);

}  // namespace blockplug::local
