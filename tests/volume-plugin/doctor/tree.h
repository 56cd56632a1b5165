// SPDX-License-Identifier: Apache-2.0
#pragma once
// A machine in a directory: the smallest tree that passes all checks; tests remove parts of it.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

#include "hotplug/host/file_descriptor.h"
#include "volume-plugin/doctor/checks.h"

namespace blockplug::doctor::testing {

class Tree {
 public:
  Tree() {
    std::string pattern = ::testing::TempDir() + "/doctor-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    put("proc/self/status", "Name:\tblockplugd\nCapEff:\t000001ffffffffff\n");
    put("proc/self/uid_map", "         0          0 4294967295\n");
    put("proc/filesystems", "nodev\ttmpfs\n\text4\n\txfs\n");
    put("proc/sys/kernel/osrelease", "6.1.0-test\n");
    put("lib/modules/6.1.0-test/modules.dep", "kernel/fs/fat/fat.ko:\n");
    put("run/udev/control");
    for (const auto* directory :
         {"sys/bus/rbd", "sys/block/loop0", "sys/block/loop1", "sys/block/vda", "dev", "state", "run/vms/web-0"})
      std::filesystem::create_directories(folder_ / directory);
    std::filesystem::create_symlink("/dev/loop-control", at("dev/loop-control"));
    std::filesystem::create_symlink("/dev/fuse", at("dev/fuse"));
    for (const auto* program : {"mkfs.ext4", "e2fsck", "resize2fs", "mkfs.xfs", "xfs_repair", "xfs_growfs"})
      put_program(std::string("usr/sbin/") + program);
    put_program("usr/bin/qemu-storage-daemon");
    put("usr/lib/x86_64-linux-gnu/qemu/block-rbd.so");
    put_program("bin/blockplug-helper");
    listen_at("run/vms/web-0/qmp.sock");
    listen_at("run/vms/web-0/qga.sock");
  }
  ~Tree() { std::filesystem::remove_all(folder_); }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  std::string at(const std::string& path) const { return folder_ / path; }
  void put(const std::string& path, const std::string& text = {}) const {
    std::filesystem::create_directories(std::filesystem::path(at(path)).parent_path());
    std::ofstream(at(path)) << text;
  }
  void put_program(const std::string& path) const {
    put(path, "#!/bin/false\n");
    std::filesystem::permissions(at(path), std::filesystem::perms{0755});
  }
  void take(const std::string& path) const { std::filesystem::remove_all(at(path)); }
  void listen_at(const std::string& path) const {
    std::filesystem::create_directories(std::filesystem::path(at(path)).parent_path());
    const FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    at(path).copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0) << at(path);
  }
  Subject subject() const {
    Subject subject;
    subject.state_dir = at("state");
    subject.run_dir = at("run/blockplug");
    subject.vm_sockets = at("run/vms/{vm}/qmp.sock");
    subject.volumes = {{"local", at("state/volumes")}};
    subject.helper = at("bin/blockplug-helper");
    subject.root = folder_;
    subject.errno_of_call = [](long) { return EINVAL; };
    return subject;
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace blockplug::doctor::testing
