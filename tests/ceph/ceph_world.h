// SPDX-License-Identifier: Apache-2.0
#pragma once
// The real Ceph that all tests of this program share, and helpers for it. Each test has its own namespace in pool `volumes`, so
// that the images of other tests do not matter.
#include <gtest/gtest.h>
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "attach-detach/order.h"
#include "attach-detach/rung.h"
#include "ceph/cluster.h"

namespace blockplug::rbd::testing {

inline constexpr std::int64_t kMiB = 1 << 20;

struct Ran {
  int exit_code{};
  std::string output;  // with its standard error
};
// Without a shell; waits for its end.
Ran run(const std::vector<std::string>& command);

// The shared Ceph's directory; started by the first caller, stopped at the end of the program.
const std::filesystem::path& ceph_directory();
pid_t monitor_pid();
pid_t osd_pid();
std::string monitor_address();  // v2

// `ceph` and `rbd` as the administrator, to check independently what Blockplug did.
Ran ceph(std::vector<std::string> arguments);
Ran rbd_program(std::vector<std::string> arguments);

ClusterOptions our_options();  // as client.blockplug
std::string our_key();         // to check that it is nowhere else

// Stops a process, and continues it at the end of the scope.
class Stopped {
 public:
  explicit Stopped(pid_t pid);
  ~Stopped();
  Stopped(const Stopped&) = delete;
  Stopped& operator=(const Stopped&) = delete;

 private:
  pid_t pid_;
};

class KeepingJournal final : public Journal {
 public:
  Status keep(const Facts& facts) override {
    if (!lost_at.empty() && facts.contains(lost_at)) return no_effect(Code::Aborted, "crash");
    for (const auto& [name, value] : facts) kept[name] = value;
    if (!fails_at.empty() && facts.contains(fails_at)) return no_effect(Code::Aborted, "crash");
    return Ok{};
  }
  Facts kept;
  std::string fails_at;  // the name of a fact; it is kept, as if the crash came right after
  std::string lost_at;   // likewise, but it is not kept: the crash came right before
};

// A namespace of its own for each test.
class CephTest : public ::testing::Test {
 protected:
  CephTest();
  void TearDown() override;
  std::string spec(const std::string& image) const { return "volumes/" + name_space_ + "/" + image; }
  const std::string name_space_;
  Cluster cluster_{our_options()};
};

Facts done(const Attempt& attempt);  // fails the test if it is anything else
Error error(const Attempt& attempt);
void expect_text(const std::string& message, const std::string& part);
bool comes_true(const std::function<bool()>& condition);  // within a minute, because a busy machine is slow

}  // namespace blockplug::rbd::testing
