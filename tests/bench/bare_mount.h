// SPDX-License-Identifier: Apache-2.0
#pragma once
// Mounts a file at a host path with the usual programs: the baseline for the daemon.
#include <string>

#include "tests/bench/program.h"

namespace blockplug::bench {

class BareMount {
 public:
  // The file is made anew, blank; `directory` gets a directory for the file system and one for its bind.
  static Result<BareMount> make(const std::string& directory, const std::string& name);

  const std::string& file() const { return file_; }
  Status blank() const;   // uncounted: a new, empty file in its place
  Status format() const;  // uncounted: mkfs.ext4 of the file
  Status attach();        // losetup, mount, mount --bind
  Status attach_blank();  // the same, with mkfs.ext4 of the device
  Status detach();        // umount, umount, losetup -d

 private:
  struct Programs {
    Program losetup, mount, umount, mkfs;
  };
  BareMount(Programs programs, std::string file, std::string staging, std::string pod)
      : programs_(std::move(programs)), file_(std::move(file)), staging_(std::move(staging)), pod_(std::move(pod)) {}
  Status map();
  Status bind();
  Programs programs_;
  std::string file_, staging_, pod_, device_{};
};

inline constexpr std::int64_t kMountedBytes = std::int64_t{64} << 20;

}  // namespace blockplug::bench
