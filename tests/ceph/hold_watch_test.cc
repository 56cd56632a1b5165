// SPDX-License-Identifier: Apache-2.0
#include "ceph/hold_watch.h"

#include "ceph/hold.h"
#include "ceph/own.h"
#include "hotplug/vm/process.h"
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
  void delete_behind_our_back(const std::string& name) {
    EXPECT_EQ(rbd_program({"rm", "--no-progress", spec(name)}).exit_code, 0);
  }

  EventLog events_;
  std::shared_ptr<Cluster> watched_ = new_cluster();
  HoldWatch watch_{{watched_, place(), "node-1", events_, milliseconds{50}}};
  RbdHold hold_{*watched_, place(), "node-1", &watch_};
  RbdBackend second_{cluster_, place(), "node-2"};
};

// Nothing here reads or writes: nobody else would tell.
TEST_F(HoldWatchTest, DoubtsWhatAnotherNodeFencedUntilThatWasLookedAt) {
  Asking asking{"a"}, calm{"b", "host"}, other{"c", "host"};
  for (auto* each : {&asking, &calm, &other}) hold(*each);
  const Writer writer{"a", name_space_};
  for (const auto& [name, value] : asking.before) asking.below["hold." + name] = value;
  Facts process;
  put_facts(*identify_process(writer.pid()), process);
  for (const auto& [name, value] : process) asking.below["open." + name] = value;
  Own own{*watched_, place(), "node-1"};
  done(own.raise(asking.call(RungKind::Own)));
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

TEST_F(HoldWatchTest, DoubtsNothingThatWasLetGo) {
  Asking asking{"a"}, other{"b"};
  hold(asking);
  hold(other);
  done(hold_.lower(asking.call()));
  delete_behind_our_back("b");
  ASSERT_TRUE(events_.wait_for("doubt ceph/b"));
  EXPECT_EQ(events_.count("doubt ceph/a"), 0);
}

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
