// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/udev/block_events.h"

#include <condition_variable>
#include <fstream>
#include <mutex>

#include "tests/hotplug/host/loop/loop_world.h"
#include "tests/support/process_census.h"

namespace blockplug::testing {
namespace {

class BlockEventsTest : public LoopWorld {
 protected:
  // Makes the kernel report a change; each call is one event.
  static void change(const std::string& device) { std::ofstream("/sys/block/" + device.substr(5) + "/uevent") << "change"; }
};

TEST_F(BlockEventsTest, DoubtsTheVolumeWhoseDeviceChanges) {
  const auto file = make_file("data");
  hold(file);
  ASSERT_TRUE(events_.start().ok());
  const auto device = raised();
  EXPECT_TRUE(log_.wait_until([&] {
    change(device);
    return log_.count("doubt local/data") > 0;
  })) << "the kernel tells this network namespace nothing";
  events_.stop();
  done(map_->lower(call()));
}

TEST_F(BlockEventsTest, DoubtsTheVolumeWhoseDeviceSomebodyDetached) {
  const auto file = make_file("data");
  hold(file);
  const auto device = raised();
  ASSERT_TRUE(events_.start().ok());
  log_.clear();
  ASSERT_EQ(run("losetup -d " + device).exit_code, 0);
  EXPECT_TRUE(log_.wait_for("doubt local/data"));
  EXPECT_EQ(map_->probe(call()).standing, Standing::Down);
  events_.stop();
}

TEST_F(BlockEventsTest, TellsNothingOfDevicesThatAreNotWatchedAnyMore) {
  hold(make_file("data"));
  const auto device = raised();
  const auto sentinel = run("losetup -f --show " + make_file("sentinel")).output;
  ASSERT_TRUE(events_.start().ok());
  events_.unwatch(device);
  events_.watch(sentinel, VolumeId("local/sentinel"));
  log_.clear();
  change(device);
  change(sentinel);
  EXPECT_TRUE(log_.wait_for("doubt local/sentinel"));
  EXPECT_EQ(log_.count("doubt local/data"), 0);
  events_.watch(sentinel, VolumeId("local/heir"));
  change(sentinel);
  EXPECT_TRUE(log_.wait_for("doubt local/heir"));
  events_.stop();
  EXPECT_EQ(run("losetup -d " + sentinel).exit_code, 0);
  done(map_->lower(call()));
}

// A sink that handles the first event slowly, so that the socket fills.
class SlowSink final : public EventSink {
 public:
  void touch_volume(const VolumeId&) override {}
  void doubt_target(const TargetId&) override {}
  void doubt_attachment(const AttachmentKey&) override {}
  void respec_volume(const VolumeId&, const SpecChange&, Time) override {}
  void doubt_volume(const VolumeId& volume) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return is_open_; });
    lock.unlock();
    log.doubt_volume(volume);
  }
  void open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }
  EventLog log;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_{};
};

TEST_F(BlockEventsTest, DoubtsAllThatIsWatchedWhereNewsWereLost) {
  hold(make_file("data"));
  const auto device = raised();
  SlowSink sink;
  BlockEvents events(sink, 64 << 10);  // small: what is told here, all other daemons of this machine hear too
  ASSERT_TRUE(events.start().ok());
  events.watch(device, VolumeId("local/data"));
  events.watch("/dev/loop-of-which-nothing-is-told", VolumeId("local/silent"));
  for (int count = 0; count < 1'000; ++count) change(device);
  sink.open();
  EXPECT_TRUE(sink.log.wait_for("doubt local/silent"));
  events.stop();
  done(map_->lower(call()));
}

TEST_F(BlockEventsTest, StartsAndStopsAgainAndLeavesNothing) {
  const auto before = ProcessCensus::now();
  events_.stop();
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(events_.start().ok());
    EXPECT_TRUE(events_.start().ok());
    events_.stop();
    events_.stop();
  }
  EXPECT_EQ(ProcessCensus::once_it_is(before), before);
}
}  // namespace
}  // namespace blockplug::testing
