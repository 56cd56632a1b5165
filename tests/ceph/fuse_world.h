// SPDX-License-Identifier: Apache-2.0
#pragma once
// The fuse mapper on this machine and the shared Ceph, with the real helper. What a test leaves (processes, loop devices, mounts,
// directories) is a failure, and is cleaned up.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ceph/hold.h"
#include "ceph/map/fuse_map.h"
#include "ceph/own.h"
#include "ceph/rbd_source.h"
#include "tests/ceph/images.h"
#include "tests/support/event_log.h"

namespace blockplug::rbd::testing {

class FuseTest : public ImagesTest {
 protected:
  FuseTest();
  void SetUp() override;
  void TearDown() override;

  // An attachment of a volume to this host, held.
  Asking hold(const std::string& name, Access access = Access::ReadWrite, std::int64_t size_bytes = 4 * kMiB);
  void release(Asking& asking);
  Call call(Asking& asking, std::chrono::milliseconds limit = std::chrono::seconds(30));
  std::unique_ptr<FuseMap> another_life() { return another_life(*source_); }
  std::unique_ptr<FuseMap> another_life(NodeSource& source);
  std::string raise(FuseMap& map, Asking& asking);  // and records it: the device
  std::string own(Asking& asking);                  // of what is raised: its client
  void lower(FuseMap& map, Asking& asking);         // fails the test where it is not done in a few seconds
  Finding probe(FuseMap& map, Asking& asking, std::chrono::milliseconds limit = std::chrono::seconds(30));

  std::string owner() const { return "node-1 " + run_dir_.native(); }
  std::filesystem::path directory_of(const std::string& name) const;
  std::vector<pid_t> storage_daemons() const;  // below our run_dir
  std::vector<std::string> loops() const;
  std::vector<std::string> mounts() const;
  std::string answer(const std::string& name, const std::string& command, const std::string& arguments);  // of its monitor
  void expect_nothing_left();

  const std::filesystem::path run_dir_;
  blockplug::testing::EventLog log_;
  BlockEvents events_{log_};
  ProcessWatch processes_{log_};
  std::unique_ptr<Helper> helper_;
  std::unique_ptr<RbdSource> source_;
  std::unique_ptr<FuseMap> map_;
  RbdHold hold_{cluster_, place(), "node-1"};
  Own own_{cluster_, place(), "node-1"};
};

// By the device itself, past the page cache.
std::string read_device(const std::string& device, std::int64_t at, std::size_t size);          // "error 5" where it is refused
std::string write_device(const std::string& device, std::int64_t at, const std::string& text);  // "written", or "error 1"

}  // namespace blockplug::rbd::testing
