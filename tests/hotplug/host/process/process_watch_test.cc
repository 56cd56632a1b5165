// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/process/process_watch.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/event_log.h"

namespace blockplug {
namespace {

class Sleeper {
 public:
  Sleeper() : pid_(::fork()) {
    if (pid_ != 0) return;
    ::execlp("sleep", "sleep", "1000", nullptr);
    ::_exit(127);
  }
  ~Sleeper() { kill(); }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, -1), nullptr, 0);
  }
  ProcessId id() const { return *identify_process(pid_); }

 private:
  pid_t pid_;
};

class ProcessWatchTest : public ::testing::Test {
 protected:
  ProcessWatchTest() { EXPECT_TRUE(watch_.start().ok()); }
  testing::EventLog log_;
  ProcessWatch watch_{log_};
  const VolumeId a_{"ceph/a"}, b_{"ceph/b"};
};

TEST_F(ProcessWatchTest, DoubtsTheVolumeWhoseProcessEndsOnceAndNoOther) {
  Sleeper first, second;
  watch_.watch(first.id(), a_);
  watch_.watch(first.id(), a_);
  watch_.watch(second.id(), b_);
  first.kill();
  ASSERT_TRUE(log_.wait_for("doubt ceph/a"));
  second.kill();
  ASSERT_TRUE(log_.wait_for("doubt ceph/b"));
  EXPECT_EQ(log_.count("doubt ceph/a"), 1);
}

TEST_F(ProcessWatchTest, SaysNothingOfWhatIsNotWatchedAnyMore) {
  Sleeper first, second, third;
  watch_.watch(first.id(), a_);
  watch_.unwatch(a_);
  watch_.watch(second.id(), b_);
  watch_.watch(third.id(), b_);  // the volume has another process now
  first.kill();
  second.kill();
  watch_.watch(Sleeper{}.id(), a_);  // ended before it could be watched, but still reported
  EXPECT_TRUE(log_.wait_for("doubt ceph/a"));
  third.kill();
  EXPECT_TRUE(log_.wait_for("doubt ceph/b"));
  EXPECT_EQ(log_.count("doubt ceph/a") + log_.count("doubt ceph/b"), 2);
}

TEST_F(ProcessWatchTest, StopsAndStartsAgainWithWhatItWatched) {
  Sleeper sleeper;
  watch_.watch(sleeper.id(), a_);
  watch_.stop();
  sleeper.kill();
  EXPECT_EQ(log_.count("doubt ceph/a"), 0);
  ASSERT_TRUE(watch_.start().ok());
  EXPECT_TRUE(log_.wait_for("doubt ceph/a"));
}

}  // namespace
}  // namespace blockplug
