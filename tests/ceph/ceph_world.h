// SPDX-License-Identifier: Apache-2.0
#pragma once
// The real Ceph that all tests of this program share, and what a test asks of it. Each test has a namespace of its own in pool
// `volumes`, so that images of other tests are no matter.
#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "attach-detach/order.h"
#include "attach-detach/rung.h"
#include "ceph/cluster.h"

namespace blockplug::rbd::testing {

inline constexpr std::int64_t kMiB = 1 << 20;

struct Ran {
  int exit_code{};
  std::string output;  // and what it complained of
};
// Without a shell; waits for its end.
Ran run(const std::vector<std::string>& command);

// Where the shared Ceph is; started by the first who asks, stopped at the end of the program.
const std::filesystem::path& ceph_directory();
pid_t monitor_pid();
pid_t osd_pid();
std::string monitor_address();  // v2

// `ceph` and `rbd` as the administrator, to see with other eyes what ours did.
Ran ceph(std::vector<std::string> arguments);
Ran rbd_program(std::vector<std::string> arguments);

ClusterOptions our_options();  // as client.blockplug
std::string our_key();         // to look for it where it must not be

// A process that is stopped and continued again, whatever happens in between.
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
  std::string fails_at;  // the name of a fact; it is kept all the same, as if the crash came right after
  std::string lost_at;   // the same, right before: it is not kept
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

Facts done(const Attempt& attempt);  // fails the test where it is something else
Error error(const Attempt& attempt);
void expect_text(const std::string& message, const std::string& part);
bool comes_true(const std::function<bool()>& condition);  // within a minute: a busy machine is slow

}  // namespace blockplug::rbd::testing
