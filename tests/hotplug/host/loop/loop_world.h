// SPDX-License-Identifier: Apache-2.0
#pragma once
// Files, loop devices and mounts of this machine, and a LoopMap with the real helper program. Leftovers of a test are failures, and
// are removed.
#include <gtest/gtest.h>
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "hotplug/host/loop/loop_map.h"
#include "tests/support/event_log.h"

namespace blockplug::testing {

inline constexpr std::int64_t kMiB = 1 << 20;

struct Ran {
  int exit_code{};
  std::string output;
};
Ran run(const std::string& command);

// A process in its own mount namespace, where the device is mounted on a private directory.
class ElsewhereMounted {
 public:
  ElsewhereMounted(const std::string& device, const std::string& directory);
  ~ElsewhereMounted();
  void end();
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_{};
};

class NoJournal final : public Journal {
 public:
  Status keep(const Facts&) override { return Ok{}; }
};

class LoopWorld : public ::testing::Test {
 protected:
  LoopWorld();
  ~LoopWorld() override;

  std::string make_file(const std::string& name, std::int64_t size_bytes = 16 * kMiB);
  std::string mount_point(const std::string& name = "mnt");
  void hold(const std::string& file, Access access = Access::ReadWrite);  // sets the facts of the rung below
  Call call(LowerReason because = LowerReason::NotWanted);
  std::unique_ptr<LoopMap> make_map(const std::string& node = "node-1");
  Facts raise(LoopMap& map);  // and records its facts; fails the test if it is not Done
  std::string raised();       // the device
  Facts verb(const std::string& name, Facts arguments);
  Error verb_error(const std::string& name, Facts arguments);
  std::vector<std::string> devices_over(const std::string& file) const;  // by losetup

  std::filesystem::path directory_;
  EventLog log_;
  BlockEvents events_{log_};
  std::unique_ptr<Helper> helper_;
  std::unique_ptr<LoopMap> map_;
  AttachmentKey key_{VolumeId("local/data"), TargetId("host")};
  Spec spec_;
  Facts below_, before_;
  NoJournal journal_;
};

// Writes "written" at its start. (Newer kernels open a read-only device for writing, and refuse the write.)
bool may_write(const std::string& device);

Facts done(const Attempt& attempt);           // fails the test if it is not Done
std::string waiting(const Attempt& attempt);  // what it waits for; fails the test if it is not Waiting
Error error(const Attempt& attempt);

}  // namespace blockplug::testing
