// SPDX-License-Identifier: Apache-2.0
#pragma once
// The directory that the volumes of one local backend live in, as a descriptor: volume `a` is the regular file `a.raw` in it.
// Everything is opened relative to it and no symbolic link is ever followed, so nothing outside it can be reached.
//
// Owned by LocalBackend; read-only after open, so any thread. It knows nothing of holds and orders.
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "attach-detach/outcome.h"
#include "attach-detach/rung.h"
#include "volume-plugin/local/descriptor.h"
#include "volume-plugin/local/file_id.h"

namespace blockplug::local {

struct VolumeFile {
  Descriptor fd;
  struct stat status {};
};

class VolumeDirectory {
 public:
  // Made with mode 0700 where missing. InvalidArgument: not absolute; FailedPrecondition: a symbolic link, not a directory, not
  // ours, or writable for others.
  static Result<std::unique_ptr<VolumeDirectory>> open(const std::filesystem::path& path);

  // NotFound; FailedPrecondition where something else than a regular file has that name, or the file system is read-only.
  Result<VolumeFile> open_volume(const std::string& name, Access access) const;

  // Which file the path names now, walked from the root as QEMU and losetup will. nullopt: none.
  Result<std::optional<FileId>> id_by_path(const std::string& name) const;

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }
  std::string path_of(const std::string& name) const { return path_ + "/" + file_of(name); }
  static std::string file_of(const std::string& name) { return name + std::string{kSuffix}; }
  // The volume that a file of the directory is; nullopt: a foreign file.
  static std::optional<std::string> volume_of(std::string_view file);

 private:
  static constexpr std::string_view kSuffix = ".raw";
  VolumeDirectory(std::string path, Descriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  Descriptor fd_;
};

}  // namespace blockplug::local
