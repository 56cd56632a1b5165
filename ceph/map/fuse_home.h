// SPDX-License-Identifier: Apache-2.0
#pragma once
// The directory of one volume's storage daemon: its socket, its pid file, the FUSE file, and notes that say whose it is and which
// process was met there, so that the next life of blockplugd adopts it. Nothing secret is in it. Its name is the volume's mark.
//
// A value; any thread. What it asks cannot hang: never the FUSE file itself.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/ids.h"
#include "hotplug/vm/process.h"

namespace blockplug::rbd {

class FuseHome {
 public:
  // `maps`: the directory of all of them. `owner`: which daemon of ours this is.
  FuseHome(const std::filesystem::path& maps, const std::string& owner, const VolumeId& volume);
  static std::vector<AttachmentKey> all(const std::filesystem::path& maps, const std::string& owner);

  const std::filesystem::path& directory() const { return directory_; }
  std::filesystem::path socket() const;
  std::filesystem::path image() const;

  bool exists() const;
  Status make(const AttachmentKey& key, const std::string& owner) const;  // whole or not at all
  Status remove() const;                                                  // once nothing of it lives or is mounted

  Status remember(const ProcessId& process) const;
  // The storage daemon that was met here, or has written its pid file here, if it may still live.
  std::optional<ProcessId> living() const;

 private:
  std::filesystem::path directory_;
};

}  // namespace blockplug::rbd
