// SPDX-License-Identifier: Apache-2.0
#pragma once
// A directory that imitates /sys of a kernel with mapped RBD images.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "attach-detach/rung.h"

namespace blockplug::rbd::testing {

struct PaperMapping {
  std::string image;
  std::string mark{"bp-mark"};
  std::int64_t size_bytes{1 << 20};
  Access access{Access::ReadWrite};
  std::string name_space{};
  std::string config{};  // empty: like ours
};

class PaperSysfs {
 public:
  PaperSysfs() {
    auto path = std::filesystem::canonical(::testing::TempDir()).native() + "/sysfs-XXXXXX";
    EXPECT_NE(::mkdtemp(path.data()), nullptr);
    root_ = path;
    write(bus() / "supported_features", "0x1bf\n");
    write(bus() / "add_single_major", "");
    write(bus() / "remove_single_major", "");
  }
  ~PaperSysfs() { std::filesystem::remove_all(root_); }
  PaperSysfs(const PaperSysfs&) = delete;
  PaperSysfs& operator=(const PaperSysfs&) = delete;

  void add(const std::string& id, const PaperMapping& mapping) {
    const auto device = bus() / "devices" / id;
    const auto ours = "192.0.2.1:6789 name=blockplug,key=" + mapping.mark + ",noshare volumes " + mapping.image + " -\n";
    write(device / "image_id", "id-of-" + mapping.image + "\n");
    write(device / "name", mapping.image + "\n");
    write(device / "major", "251\n");
    write(device / "minor", std::to_string(16 * std::stoi(id)) + "\n");
    write(device / "cluster_fsid", "f-s-i-d\n");
    write(device / "pool", "volumes\n");
    write(device / "pool_ns", mapping.name_space + "\n");
    write(device / "current_snap", "-\n");
    write(device / "client_addr", "192.0.2.7:0/4711\n");
    write(device / "config_info", mapping.config.empty() ? ours : mapping.config);
    write(device / "refresh", "");
    write(device / "block" / ("rbd" + id) / "size", std::to_string(mapping.size_bytes / 512) + "\n");
    write(device / "block" / ("rbd" + id) / "ro", mapping.access == Access::ReadOnly ? "1\n" : "0\n");
  }
  void remove_module() { std::filesystem::remove_all(bus()); }
  // The data written to a command file.
  std::string told(const std::string& command) const {
    std::ifstream file{bus() / command};
    return {std::istreambuf_iterator<char>{file}, {}};
  }
  void rename(const std::string& from, const std::string& to) { std::filesystem::rename(bus() / from, bus() / to); }
  const std::filesystem::path& root() const { return root_; }

 private:
  std::filesystem::path bus() const { return root_ / "bus/rbd"; }
  static void write(const std::filesystem::path& path, const std::string& text) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream{path} << text;
  }
  std::filesystem::path root_;
};

}  // namespace blockplug::rbd::testing
