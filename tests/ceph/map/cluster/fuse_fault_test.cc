// SPDX-License-Identifier: Apache-2.0
// The fuse mapper when its storage daemon, its cluster or its own process fails.
#include <signal.h>
#include <sys/mount.h>

#include "hotplug/rungs.h"
#include "tests/ceph/map/cluster/fuse_world.h"

namespace blockplug::rbd::testing {
namespace {
namespace fs = std::filesystem;
using std::chrono::seconds;

// Simulates a crash of blockplugd after this many commands and steps, by undoing all later ones.
struct Half {
  const char* name;
  std::vector<std::pair<const char*, const char*>> undone;  // commands of the monitor
  bool has_loop;
};

TEST_F(FuseTest, TheNextLifeAdoptsAMappingAsItIs) {
  make_volume("a");
  auto asking = hold("a");
  const auto device = raise(*map_, asking);
  const auto pids = storage_daemons();
  map_.reset();
  const auto next = another_life();
  EXPECT_EQ(probe(*next, asking).standing, Standing::Up);
  EXPECT_EQ(raise(*next, asking), device);
  asking.before.clear();  // the crash came before it was recorded
  EXPECT_EQ(raise(*next, asking), device);
  EXPECT_EQ(storage_daemons(), pids);
  const auto found = next->survey(Clock::now() + std::chrono::minutes(1));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].key, asking.key);
  EXPECT_EQ(found[0].kind, rungs::kMap);
  expect_text(found[0].what, device);
  lower(*next, asking);
  EXPECT_TRUE(next->survey(Clock::now() + std::chrono::minutes(1)).empty());
  release(asking);
}

TEST_F(FuseTest, FinishesOrTakesDownWhateverACrashLeft) {
  make_volume("a");
  auto asking = hold("a");
  const std::pair<const char*, const char*> no_export{"block-export-del", R"({"id": "bp"})"};
  const std::vector<Half> halves{{"a directory", {{"quit", "{}"}}, false},
                                 {"a storage daemon with an export", {}, false},
                                 {"a storage daemon with a node", {no_export}, false},
                                 {"a loop device over no export", {no_export}, true},
                                 {"a mapping", {}, true}};
  for (const auto& half : halves)
    for (const bool is_raised : {true, false}) {
      SCOPED_TRACE(std::string(half.name) + (is_raised ? ", raised" : ", lowered"));
      raise(*map_, asking);
      if (!half.has_loop) {
        const auto answer = fuse::fuse_verbs().at("fuse-loop-unmap")({{"directory", directory_of("a")}});
        EXPECT_TRUE(answer.ok());
      }
      const auto process = identify_process(storage_daemons().at(0));
      for (const auto& [command, arguments] : half.undone) this->answer("a", command, arguments);
      const bool has_quit = half.undone.size() == 1 && half.undone[0].first == std::string{"quit"};
      ASSERT_TRUE(!has_quit || comes_true([&] { return is_proven_dead(*process); }));
      asking.before.clear();
      map_ = another_life();
      const auto found = probe(*map_, asking);
      const bool is_whole = half.has_loop && half.undone.empty();
      EXPECT_EQ(found.standing, is_whole ? Standing::Up : Standing::Partial) << found.why;
      if (is_raised) {
        EXPECT_EQ(write_device(raise(*map_, asking), 0, half.name), "written");
        EXPECT_EQ(probe(*map_, asking).standing, Standing::Up);
      }
      lower(*map_, asking);
      expect_nothing_left();
    }
  release(asking);
}

TEST_F(FuseTest, AKilledStorageDaemonIsToldAtOnceClearedAwayAndMappedAnew) {
  make_volume("a");
  write("a", 0, "kept");
  auto asking = hold("a");
  auto device = raise(*map_, asking);
  for (const bool is_raised : {true, false}) {
    log_.clear();
    ASSERT_EQ(::kill(storage_daemons().at(0), SIGKILL), 0);
    ASSERT_TRUE(log_.wait_for("doubt ceph/a"));
    EXPECT_TRUE(read_device(device, 0, 4).starts_with("error"));
    const auto found = probe(*map_, asking);
    EXPECT_EQ(found.standing, Standing::Partial);
    expect_text(found.why, "its storage daemon has ended: " + device + " only returns errors");
    if (!is_raised) break;
    device = raise(*map_, asking);  // may be another number, since other processes use loop devices too
    EXPECT_EQ(read_device(device, 0, 4), "kept");
  }
  lower(*map_, asking);
  release(asking);
}

// The cluster permanently refuses this client: the mapping must still be removed.
TEST_F(FuseTest, OneWhoseClientWasFencedComesDown) {
  make_volume("a");
  auto asking = hold("a");
  const auto device = raise(*map_, asking);
  const auto client = own(asking);
  ASSERT_EQ(ceph({"osd", "blocklist", "add", client}).exit_code, 0);
  EXPECT_TRUE(comes_true([&] { return read_device(device, 0, 4).starts_with("error"); }));
  EXPECT_EQ(probe(*map_, asking).standing, Standing::Up) << "it is there, whatever it is worth";
  lower(*map_, asking);
  expect_nothing_left();
  release(asking);
}

TEST_F(FuseTest, OneThatWasToldToEndUnderItsLoopDeviceIsClearedAway) {
  make_volume("a");
  auto asking = hold("a");
  raise(*map_, asking);
  ASSERT_EQ(::kill(storage_daemons().at(0), SIGTERM),
            0);  // it unmounts its file lazily: only the recorded sequence number identifies the loop device
  ASSERT_TRUE(log_.wait_for("doubt ceph/a"));
  map_ = another_life();
  EXPECT_EQ(probe(*map_, asking).standing, Standing::Partial);
  EXPECT_EQ(loops().size(), 1U);
  lower(*map_, asking);
  expect_nothing_left();
  release(asking);
}

TEST_F(FuseTest, AStoppedStorageDaemonIsWaitedForAndNeverASecondStarted) {
  make_volume("a");
  auto asking = hold("a");
  const auto device = raise(*map_, asking);
  const auto pid = storage_daemons().at(0);
  {
    const Stopped stopped{pid};
    const auto began = Clock::now();
    const auto found = probe(*map_, asking);
    EXPECT_EQ(found.standing, Standing::Unknown);
    expect_text(found.why, "process " + std::to_string(pid) + ") does not answer");
    EXPECT_TRUE(std::holds_alternative<Waiting>(map_->raise(call(asking))));
    EXPECT_TRUE(std::holds_alternative<Waiting>(map_->lower(call(asking))));
    EXPECT_EQ(map_->survey(Clock::now() + std::chrono::minutes(1)).size(), 1U);
    EXPECT_LT(Clock::now() - began, seconds(20));
    EXPECT_EQ(storage_daemons(), std::vector{pid});
  }
  EXPECT_EQ(raise(*map_, asking), device);
  lower(*map_, asking);
  release(asking);
}

TEST_F(FuseTest, AStalledClusterIsWaitedForAndEverythingEndsAsDesired) {
  make_volume("a");
  auto asking = hold("a");
  const auto device = raise(*map_, asking);
  {
    const Stopped stopped{osd_pid()};
    EXPECT_EQ(probe(*map_, asking).standing, Standing::Up) << "what is open stays open";
    const auto lowered = map_->lower(call(asking));
    ASSERT_TRUE(std::holds_alternative<Waiting>(lowered));
    expect_text(std::get<Waiting>(lowered).for_what, "while closing the image");
    EXPECT_EQ(loops(), std::vector{device});
  }
  lower(*map_, asking);
  release(asking);
}

}  // namespace
}  // namespace blockplug::rbd::testing
