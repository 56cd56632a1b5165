// SPDX-License-Identifier: Apache-2.0
#pragma once
// The directory of one volume's storage daemon: its socket, its pid file, the FUSE file, and files that record its owner and its
// process, so that a restarted blockplugd adopts it. It contains no secrets. Its name is the volume's marker.
//
// A value; any thread. Its checks cannot block: they never access the FUSE file.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/ids.h"
#include "hotplug/host/process/process.h"

namespace blockplug::fuse {

class FuseHome {
 public:
  // `maps`: the parent of all these directories. `owner`: identifies this daemon.
  FuseHome(const std::filesystem::path& maps, const std::string& owner, const VolumeId& volume);
  static std::vector<AttachmentKey> all(const std::filesystem::path& maps, const std::string& owner);

  const std::filesystem::path& directory() const { return directory_; }
  std::filesystem::path socket() const;
  std::filesystem::path image() const;

  bool exists() const;
  Status make(const AttachmentKey& key, const std::string& owner) const;  // atomically
  Status remove() const;                                                  // when its process has ended and nothing is mounted

  Status remember(const ProcessId& process) const;
  // The storage daemon recorded here, or in its pid file here, if it may still be running.
  std::optional<ProcessId> living() const;

 private:
  std::filesystem::path directory_;
};

}  // namespace blockplug::fuse
