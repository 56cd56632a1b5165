// SPDX-License-Identifier: Apache-2.0
#include "ceph/hold_watch.h"

#include "ceph/hold.h"
#include "ceph/own.h"
#include "hotplug/host/process/process.h"
#include "hotplug/rungs.h"
#include "tests/ceph/images.h"
#include "tests/support/event_log.h"

namespace blockplug::rbd::testing {
namespace {
using blockplug::testing::EventLog;
using std::chrono::milliseconds;

class HoldWatchTest : public ImagesTest {
 protected:
  static std::shared_ptr<Cluster> new_cluster() {
    auto options = our_options();
    options.osd_op_timeout = milliseconds{5000};
    return std::make_shared<Cluster>(options);
  }
  void hold(Asking& asking) {
    make_volume(asking.key.volume.str().substr(5));
    asking.before = done(hold_.raise(asking.call()));
  }
  void delete_behind_our_back(const std::string& name) { EXPECT_EQ(rbd_program({"rm", "--no-progress", spec(name)}).exit_code, 0); }

  EventLog events_;
  std::shared_ptr<Cluster> watched_ = new_cluster();
  HoldWatch watch_{{watched_, "node-1", events_, milliseconds{50}}};
  RbdHold hold_{*watched_, place(), "node-1", &watch_};
  RbdBackend second_{cluster_, place(), "node-2"};
};

// Nothing here reads or writes, so only the watch can notice it.
TEST_F(HoldWatchTest, DoubtsWhatAnotherNodeFencedUntilThatWasLookedAt) {
  Asking asking{"a"}, calm{"b", "host"}, other{"c", "host"};
  for (auto* each : {&asking, &calm, &other}) hold(*each);
  const Writer writer{"a", name_space_};
  for (const auto& [name, value] : asking.before) asking.below[name] = value;
  Facts process;
  put_facts(*identify_process(writer.pid()), process);
  for (const auto& [name, value] : process) asking.below[name] = value;
  Own own{*watched_, place(), "node-1"};
  done(own.raise(asking.call(rungs::kOwn)));
  EXPECT_EQ(events_.count("doubt ceph/a"), 0);

  done(perform(second_, OrderKind::Fence, "a", {}));
  ASSERT_TRUE(events_.wait_for("doubt ceph/a"));
  const auto seen = hold_.probe(asking.call());
  EXPECT_EQ(seen.standing, Standing::Down);
  EXPECT_TRUE(seen.is_fenced);
  EXPECT_EQ(events_.count("doubt ceph/b"), 0);
  events_.clear();
  for (const char* name : {"b", "c"}) {
    delete_behind_our_back(name);
    ASSERT_TRUE(events_.wait_for(std::string{"doubt ceph/"} + name)) << "one that was deleted";
  }
  EXPECT_EQ(events_.count("doubt ceph/a"), 0) << "it was looked at";
  EXPECT_EQ(events_.count("doubt ceph/b"), 1) << "it is told once";
}

// Another node's orders: whoever holds the image hears of them.
TEST_F(HoldWatchTest, TellsTheSizeAndTheLimitsThatAnotherNodeGaveIt) {
  Asking asking{"a"};
  hold(asking);
  done(perform(second_, OrderKind::Resize, "a", {{"size_bytes", std::to_string(8 * kMiB)}}));
  EXPECT_TRUE(events_.wait_for("respec ceph/a size " + std::to_string(8 * kMiB)));
  done(perform(second_, OrderKind::Modify, "a", {{"iops", "300"}}));
  EXPECT_TRUE(events_.wait_for("respec ceph/a iops 300"));
  EXPECT_EQ(events_.count("doubt ceph/a"), 0);
}

// Another service sets them.
TEST_F(HoldWatchTest, TellsNoLimitsWhereTheImagesDoNotCount) {
  HoldWatch other{{watched_, "node-1", events_, milliseconds{50}, LimitsOfImage::DoNotCount}};
  RbdHold hold{*watched_, place(), "node-1", &other};
  Asking asking{"a"};
  make_volume("a");
  asking.before = done(hold.raise(asking.call()));
  done(perform(second_, OrderKind::Modify, "a", {{"iops", "300"}}));
  done(perform(second_, OrderKind::Resize, "a", {{"size_bytes", std::to_string(8 * kMiB)}}));
  EXPECT_TRUE(events_.wait_for("respec ceph/a size " + std::to_string(8 * kMiB)));
  EXPECT_EQ(events_.count("respec ceph/a iops 300"), 0);
}

TEST_F(HoldWatchTest, DoubtsNothingThatWasLetGo) {
  Asking asking{"a"}, other{"b"};
  hold(asking);
  hold(other);
  done(hold_.lower(asking.call()));
  delete_behind_our_back("b");
  ASSERT_TRUE(events_.wait_for("doubt ceph/b"));
  EXPECT_EQ(events_.count("doubt ceph/a"), 0);
}

// Its one placement group never becomes active, as with too few OSDs: whatever is asked of it hangs.
// Alive again at the end: other tests list all pools.
class DeadPool {
 public:
  explicit DeadPool(std::string name) : name_(std::move(name)) {
    say({"create", name_, "1", "1"});
    say({"set", name_, "size", "2"});
    say({"set", name_, "min_size", "2"});
  }
  ~DeadPool() {
    say({"set", name_, "min_size", "1"});
    say({"set", name_, "size", "1", "--yes-i-really-mean-it"});
  }
  DeadPool(const DeadPool&) = delete;
  DeadPool& operator=(const DeadPool&) = delete;

 private:
  static void say(std::vector<std::string> words) {
    words.insert(words.begin(), {"osd", "pool"});
    const auto ran = ceph(words);
    EXPECT_EQ(ran.exit_code, 0) << ran.output;
  }
  const std::string name_;
};

TEST_F(HoldWatchTest, SeesWhatBecomesOfImagesBesideManyThatHang) {
  const DeadPool dead("dead");
  Asking first{"y"}, second{"z"};
  auto options = our_options();
  options.osd_op_timeout = std::chrono::minutes(30);  // one that hangs never ends here
  const auto patient = std::make_shared<Cluster>(options);
  HoldWatch watch{{patient, "node-1", events_, milliseconds{50}}};
  for (int number = 0; number < 100; ++number)  // more than are read at once; all come before the others
    watch.keep({VolumeId{"ceph/dead-" + std::to_string(number)}, TargetId{"host"}}, {{"dead", "", "x", std::to_string(number)}});
  RbdHold beside{*watched_, place(), "node-1", &watch};
  for (auto* each : {&first, &second}) {
    make_volume(each->key.volume.str().substr(5));
    each->before = done(beside.raise(each->call()));
  }
  delete_behind_our_back("y");
  ASSERT_TRUE(events_.wait_for("doubt ceph/y"));
  delete_behind_our_back("z");
  ASSERT_TRUE(events_.wait_for("doubt ceph/z")) << "in a later round, while those of the earlier one hang";
  EXPECT_EQ(events_.count("doubt ceph/dead-0"), 0);
}  // and the watch ends although they hang

TEST_F(HoldWatchTest, DoubtsNothingWhileTheClusterDoesNotAnswer) {
  Asking asking{"a"};
  hold(asking);
  {
    const Stopped osd{osd_pid()};
    EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Unknown) << "takes longer than its look does";
    EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Unknown);
  }
  EXPECT_EQ(events_.count("doubt ceph/a"), 0);
  delete_behind_our_back("a");
  EXPECT_TRUE(events_.wait_for("doubt ceph/a")) << "it is watched all the same";
}

}  // namespace
}  // namespace blockplug::rbd::testing
