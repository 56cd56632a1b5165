// SPDX-License-Identifier: Apache-2.0
#pragma once
// The directory of one local backend's volumes, as a descriptor: volume `a` is the regular file `a.raw` in it.
// Everything is opened relative to it and no symbolic link is followed, so nothing outside it can be reached.
//
// Owned by LocalBackend; read-only after open, so any thread. It does not know holds or orders.
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "attach-detach/outcome.h"
#include "attach-detach/rung.h"
#include "hotplug/host/file_descriptor.h"
#include "hotplug/host/file_id.h"

namespace blockplug::local {

struct VolumeFile {
  FileDescriptor fd;
  struct stat status {};
};

class VolumeDirectory {
 public:
  // Created with mode 0700 if missing. InvalidArgument: not absolute; FailedPrecondition: a symbolic link, not a directory, owned
  // by another user, or writable for others.
  static Result<std::unique_ptr<VolumeDirectory>> open(const std::filesystem::path& path);

  // NotFound; FailedPrecondition if something other than a regular file has that name, or the file system is read-only.
  Result<VolumeFile> open_volume(const std::string& name, Access access) const;

  // The file that the path names now, resolved from the root as QEMU and losetup do. nullopt: none.
  Result<std::optional<FileId>> id_by_path(const std::string& name) const;

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }
  std::string path_of(const std::string& name) const { return path_ + "/" + file_of(name); }
  static std::string file_of(const std::string& name) { return name + std::string{kSuffix}; }
  // The volume that a file in the directory belongs to; nullopt: not a volume.
  static std::optional<std::string> volume_of(std::string_view file);

 private:
  static constexpr std::string_view kSuffix = ".raw";
  VolumeDirectory(std::string path, FileDescriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  FileDescriptor fd_;
};

}  // namespace blockplug::local
