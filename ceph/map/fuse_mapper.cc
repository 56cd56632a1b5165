// SPDX-License-Identifier: Apache-2.0
#include "ceph/map/fuse_mapper.h"

#include <filesystem>

namespace blockplug::rbd {
namespace {
namespace fs = std::filesystem;

// Debian ships QEMU's block drivers as modules. Elsewhere they may be built in: then the first open finds out.
bool lacks_rbd_module() {
  bool has_others = false;
  std::error_code problem;
  for (fs::directory_iterator entry{"/usr/lib", problem}, end; !problem && entry != end; entry.increment(problem)) {
    std::error_code none;
    if (fs::exists(entry->path() / "qemu/block-rbd.so", none)) return false;
    has_others = has_others || fs::is_directory(entry->path() / "qemu", none);
  }
  return has_others && fs::exists("/etc/debian_version", problem);
}

}  // namespace

std::optional<std::string> FuseMapper::unfit(const Call&, const Header&) {
  if (auto lack = map_.lack()) return lack;
  if (lacks_rbd_module()) return "QEMU's RBD driver is missing: install qemu-block-extra";
  return std::nullopt;
}

}  // namespace blockplug::rbd
