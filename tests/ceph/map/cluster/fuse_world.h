// SPDX-License-Identifier: Apache-2.0
#pragma once
// The fuse mapper on this machine and the shared Ceph, with the real helper. Leftovers of a test (processes, loop devices, mounts,
// directories) are failures, and are removed.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ceph/hold.h"
#include "ceph/map/fuse_mapper.h"
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

  // An attachment of a volume to this host, with its hold.
  Asking hold(const std::string& name, Access access = Access::ReadWrite, std::int64_t size_bytes = 4 * kMiB);
  void release(Asking& asking);
  Call call(Asking& asking, std::chrono::milliseconds limit = std::chrono::seconds(30));
  std::unique_ptr<FuseMapper> another_life() { return another_life(*source_); }
  std::unique_ptr<FuseMapper> another_life(NodeSource& source, const std::string& launcher = {});
  std::string raise(FuseMapper& map, Asking& asking);  // records the facts; returns the device
  std::string own(Asking& asking);                     // returns the client of the raised mapping
  void lower(FuseMapper& map, Asking& asking);         // fails the test if it is not done within a few seconds
  Finding probe(FuseMapper& map, Asking& asking, std::chrono::milliseconds limit = std::chrono::seconds(30));

  std::string owner() const { return "node-1 " + run_dir_.native(); }
  std::filesystem::path directory_of(const std::string& name) const;
  std::vector<pid_t> storage_daemons() const;  // below our run_dir
  std::vector<std::string> loops() const;
  std::vector<std::string> mounts() const;
  std::string answer(const std::string& name, const std::string& command, const std::string& arguments);  // its monitor's answer
  std::int64_t used_bytes(const std::string& name);  // of the cluster, by `rbd du`
  void expect_nothing_left();

  const std::filesystem::path run_dir_;
  blockplug::testing::EventLog log_;
  BlockEvents events_{log_};
  ProcessWatch processes_{log_};
  std::unique_ptr<Helper> helper_;
  std::unique_ptr<RbdSource> source_;
  std::unique_ptr<FuseMapper> map_;
  RbdHold hold_{cluster_, place(), "node-1"};
  Own own_{cluster_, place(), "node-1"};
};

// Direct I/O on the device, past the page cache.
std::string read_device(const std::string& device, std::int64_t at, std::size_t size);          // "error 5" if it is refused
std::string write_device(const std::string& device, std::int64_t at, const std::string& text);  // "written", or "error 1"

}  // namespace blockplug::rbd::testing
