// SPDX-License-Identifier: Apache-2.0
#pragma once
// Maps an RBD image on this host with the usual programs: the baseline for the daemon.
#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "tests/bench/ceph_lab.h"
#include "tests/bench/program.h"

namespace blockplug::bench {

class BareMapping {
 public:
  virtual ~BareMapping() = default;
  virtual Result<std::string> map() = 0;  // the device
  virtual Status unmap() = 0;
  virtual std::optional<pid_t> process() const = 0;  // that has the image open; nullopt: the kernel
};

// qemu-storage-daemon with a FUSE export, and losetup; back: losetup -d, and the daemon told to end. `directory` is made.
Result<std::unique_ptr<BareMapping>> map_by_fuse(const CephLab& lab, const std::string& image, const std::string& directory);
// rbd map; back: rbd unmap.
Result<std::unique_ptr<BareMapping>> map_by_krbd(const CephLab& lab, const std::string& image);

}  // namespace blockplug::bench
