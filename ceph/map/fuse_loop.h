// SPDX-License-Identifier: Apache-2.0
#pragma once
// Loop devices over the FUSE file of one volume's storage daemon, and what blockplug-helper does with them.
//
// Whose they are is told by /sys alone: by the path of the file behind them (its directory's name is the volume's mark), or,
// where the file was unmounted under them, by the note of the device and its sequence number that was made when it was mapped. A
// loop device that is asked itself asks its file, and so a storage daemon that is frozen or dead.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "attach-detach/rung.h"
#include "hotplug/helper/program.h"

namespace blockplug::rbd {

struct FuseLoop {
  std::string path;    // "/dev/loop3"
  std::string number;  // "7:3"
  std::int64_t size_bytes{};
  Access access{};
  bool is_leaving{};  // somebody detached it: it goes with its last user
  bool operator==(const FuseLoop&) const = default;
};

// Things in a volume's directory.
inline constexpr const char* kImageFile = "image";  // where its storage daemon shows the image
inline constexpr const char* kSocketFile = "qmp.sock";
inline constexpr const char* kPidFile = "pid";
inline constexpr const char* kLoopFile = "loop";  // "/dev/loop3 4711": the device and its sequence number

std::vector<FuseLoop> loops_of(const std::filesystem::path& directory);
bool is_mounted(const std::filesystem::path& file);  // by mountinfo; asks the file nothing
bool is_listened_on(const std::filesystem::path& socket);

// For blockplug-helper; "directory" is the volume's. Errors have effect None unless they say otherwise.
//   storage-daemon     directory, program → nothing. One that runs already: nothing to do.
//   fuse-loop-map      directory, access "ro"|"rw", mark → device, number. As loop-map, with direct I/O.
//   fuse-loop-resize   directory, device, mark → size_bytes
//   fuse-loop-unmap    directory → nothing. FailedPrecondition: still in use; it is not left half-detached.
//   fuse-unmount       directory → nothing. Of a storage daemon that has ended; FailedPrecondition: still in use.
Verbs fuse_verbs();

}  // namespace blockplug::rbd
