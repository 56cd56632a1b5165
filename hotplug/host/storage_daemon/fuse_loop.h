// SPDX-License-Identifier: Apache-2.0
#pragma once
// Loop devices over the FUSE file of one volume's storage daemon, and the verbs of blockplug-helper for them.
//
// They are identified by /sys only: by the path of the file behind them (its directory's name is the volume's marker), or, if the
// file was unmounted under them, by the device and its sequence number, which were recorded when it was mapped. Querying the loop
// device itself would access its file, and so block on a storage daemon that is frozen or dead.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "attach-detach/rung.h"
#include "hotplug/host/helper/program.h"

namespace blockplug::fuse {

struct FuseLoop {
  std::string path;    // "/dev/loop3"
  std::string number;  // "7:3"
  std::int64_t size_bytes{};
  Access access{};
  bool is_leaving{};  // it was detached and goes with its last user
  bool is_direct{};   // it may have several reads and writes in flight
  bool operator==(const FuseLoop&) const = default;
};

// Files in a volume's directory.
inline constexpr const char* kImageFile = "image";  // the image as a file, by FUSE
inline constexpr const char* kSocketFile = "qmp.sock";
inline constexpr const char* kPidFile = "pid";
inline constexpr const char* kLoopFile = "loop";  // "/dev/loop3 4711": the device and its sequence number

std::vector<FuseLoop> loops_of(const std::filesystem::path& directory);
// The number of the mount ("0:53"), by mountinfo; empty: not mounted. Neither accesses the file.
std::string mount_number(const std::filesystem::path& file);
bool is_mounted(const std::filesystem::path& file);
bool is_listened_on(const std::filesystem::path& socket);

// For blockplug-helper; "directory" is the volume's. Errors have effect None unless they say otherwise.
//   storage-daemon     directory, program, perhaps launcher (its socket: it starts it) → nothing. Already running: nothing to do.
//   fuse-loop-map      directory, access "ro"|"rw", mark → device, number. As loop-map, with direct I/O, but one request at a time.
//   fuse-loop-resize   directory, device, mark → size_bytes
//   fuse-loop-unmap    directory → nothing. FailedPrecondition: still in use; it is not left half-detached.
//   fuse-unmount       directory → nothing. For a storage daemon that has ended; FailedPrecondition: still in use.
inline constexpr const char* kStartVerb = "storage-daemon";
Verbs fuse_verbs();

}  // namespace blockplug::fuse
