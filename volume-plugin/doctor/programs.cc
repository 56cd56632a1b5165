// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <vector>

#include "volume-plugin/doctor/checks.h"
#include "volume-plugin/doctor/system.h"

namespace blockplug::doctor {
namespace {
constexpr const char* kPlaces[] = {"/usr/sbin", "/usr/bin", "/sbin", "/bin"};

bool is_installed(const std::string& root, const std::string& program) {
  return std::any_of(std::begin(kPlaces), std::end(kPlaces),
                     [&](const std::string& place) { return may_be_run(root + place + "/" + program); });
}

struct Package {
  const char* name;
  std::vector<std::string> programs;
};

Check check_package(const Subject& subject, Check check, State if_absent, const Package& package) {
  std::vector<std::string> absent;
  for (const auto& program : package.programs)
    if (!is_installed(subject.root, program)) absent.push_back(program);
  check.found = absent.empty() ? joined(package.programs) : "no " + joined(absent, ", no ");
  if (absent.empty()) return check;
  check.state = if_absent;
  check.remedy = std::string("apt install ") + package.name;
  return check;
}
}  // namespace

Check check_ext4_programs(const Subject& subject) {
  return check_package(subject, {"ext4 programs", State::Ok, {}, {}, "volumes with ext4 on host paths"}, State::Missing,
                       {"e2fsprogs", {"mkfs.ext4", "e2fsck", "resize2fs"}});
}

// Limited only, because ext4 is the default file system.
Check check_xfs_programs(const Subject& subject) {
  return check_package(subject, {"xfs programs", State::Ok, {}, {}, "volumes with xfs on host paths"}, State::Limited,
                       {"xfsprogs", {"mkfs.xfs", "xfs_repair", "xfs_growfs"}});
}

Check check_storage_daemon(const Subject& subject) {
  return check_package(subject, {"storage daemon", State::Ok, {}, {}, "Ceph volumes on host paths by fuse"}, State::Limited,
                       {"qemu-system-common", {"qemu-storage-daemon"}});
}

// Debian ships it as a QEMU module in the architecture's directory: /usr/lib/x86_64-linux-gnu/qemu.
Check check_qemu_rbd(const Subject& subject) {
  Check check{"QEMU's rbd driver", State::Ok, {}, {}, "Ceph volumes in VMs, and on host paths by fuse"};
  std::error_code error;
  for (std::filesystem::directory_iterator entry(subject.root + "/usr/lib", error), end; !error && entry != end;
       entry.increment(error))
    if (const auto module = (entry->path() / "qemu/block-rbd.so").native(); exists(module))
      check.found = module.substr(subject.root.size());
  if (!check.found.empty()) return check;
  check.state = State::Limited;
  check.found = "no block-rbd.so (not needed if QEMU was built with the driver)";
  check.remedy = "apt install qemu-block-extra";
  return check;
}

Check check_helper(const Subject& subject) {
  Check check{"blockplug-helper", State::Ok, subject.helper, {}, "volumes on host paths"};
  if (may_be_run(subject.helper)) return check;
  check.state = State::Missing;
  check.found = exists(subject.helper) ? subject.helper + " is not executable" : "no such file: " + subject.helper;
  check.remedy = "install blockplug-helper beside blockplugd; the build puts both into bin/";
  return check;
}

}  // namespace blockplug::doctor
