// SPDX-License-Identifier: Apache-2.0
#include "ceph/writable.h"

#include <unistd.h>

#include "ceph/ancestors.h"
#include "ceph/connection.h"
#include "ceph/header.h"
#include "ceph/hold.h"
#include "ceph/hold_watch.h"
#include "tests/ceph/images.h"
#include "tests/support/event_log.h"

namespace blockplug::rbd::testing {
namespace {
using blockplug::testing::EventLog;

// The cluster's OSDs call themselves full at the smallest use; all tests share the cluster, so it has space again at the end.
class Full {
 public:
  Full() { become(true); }
  ~Full() { become(false); }
  Full(const Full&) = delete;
  Full& operator=(const Full&) = delete;

 private:
  static void become(bool full) {
    const std::vector<std::pair<std::string, std::string>> ratios{{"nearfull", full ? "0.0000001" : "0.85"},
                                                                  {"backfillfull", full ? "0.0000002" : "0.90"},
                                                                  {"full", full ? "0.0000003" : "0.95"}};
    for (const auto& [name, ratio] : ratios) {
      const auto ran = ceph({"osd", "set-" + name + "-ratio", ratio});
      EXPECT_EQ(ran.exit_code, 0) << ran.output;
    }
    EXPECT_TRUE(comes_true([&] {
      const auto listed = ceph({"osd", "pool", "ls", "detail"}).output;
      return (listed.find(",full,") != std::string::npos) == full;
    }));
  }
};

class WritableTest : public ImagesTest {
 protected:
  std::string listed() {  // by us: the program `rbd` waits for space even to list
    const auto volumes = backend_.list();
    EXPECT_TRUE(volumes.ok()) << volumes.error().message;
    std::string names;
    for (const auto& volume : *volumes) names += name_of(volume.id) + " ";
    return names;
  }
  void expect_no_space(const Attempt& attempt) {
    const auto refused = error(attempt);
    EXPECT_EQ(refused.code, Code::ResourceExhausted) << refused.message;
    EXPECT_EQ(refused.effect, Effect::None) << refused.message;
    expect_text(refused.message, " is full: delete what is not needed, or add OSDs");
  }
  // Whoever has been told is not told again: so many rounds of the watch.
  void expect_no_more_doubts() {
    events_.clear();
    ::usleep(1'000'000);
    EXPECT_EQ(events_.count("doubt ceph/held") + events_.count("doubt ceph/a"), 0);
  }
  static void run(const std::vector<std::string>& arguments) {
    const auto ran = rbd_program(arguments);
    EXPECT_EQ(ran.exit_code, 0) << ran.output;
  }

  EventLog events_;
  std::shared_ptr<Cluster> watched_ = std::make_shared<Cluster>(our_options());
  HoldWatch watch_{{watched_, "node-1", events_, std::chrono::milliseconds{50}}};
  RbdHold hold_{*watched_, place(), "node-1", &watch_};
};

// What would take space is refused, and the order ends; what frees some is done, and so is what takes none.
TEST_F(WritableTest, InAFullPoolWhatFreesSpaceIsDoneAndTheRestRefused) {
  for (const char* name : {"held", "free", "old", "open"}) make_volume(name);
  write("old", 0, "much");
  done(perform(OrderKind::Snapshot, "held", {{"snapshot", "monday"}}));
  Asking held{"held"}, free{"free"}, reader{"free", "host", Access::ReadOnly};
  held.before = done(hold_.raise(held.call()));
  ASSERT_EQ(hold_.probe(held.call()).why, "");
  Writer writer{"open", name_space_};
  EXPECT_EQ(writer.write("x"), "0");
  {
    const Full full;
    expect_no_space(perform(OrderKind::Create, "new", {{"size_bytes", "4194304"}}));
    expect_no_space(perform(OrderKind::Clone, "copy", {{"source", "held@monday"}}));
    EXPECT_EQ(listed(), "free held old open ");
    // What whoever has it open would do for us must not wait there for space.
    ASSERT_TRUE(comes_true([&] { return !check_space(pool(), {}).ok(); }));
    expect_no_space(perform(OrderKind::Snapshot, "open", {{"snapshot", "tuesday"}}));
    expect_no_space(perform(OrderKind::Clone, "copy", {{"source", "open"}}));
    expect_no_space(perform(OrderKind::Resize, "open", {{"size_bytes", "8388608"}}));
    EXPECT_EQ(backend_.snapshots(VolumeId{"ceph/open"})->size(), 0U);

    ASSERT_TRUE(events_.wait_for("doubt ceph/held"));
    const auto seen = hold_.probe(held.call());
    EXPECT_EQ(seen.standing, Standing::Up) << seen.why;
    expect_text(seen.why, "pool 'volumes' is full");
    expect_no_more_doubts();

    const auto waits = hold_.raise(free.call());
    ASSERT_TRUE(std::holds_alternative<Waiting>(waits));
    expect_text(std::get<Waiting>(waits).for_what, "pool 'volumes' is full: delete what is not needed, or add OSDs");
    EXPECT_EQ(held_by("free"), "");
    reader.before = done(hold_.raise(reader.call()));
    done(hold_.lower(reader.call()));
    done(perform(OrderKind::Snapshot, "held", {{"snapshot", "monday"}, {"delete", "true"}}));
    done(perform(OrderKind::Delete, "old", {}));
    EXPECT_EQ(listed(), "free held open ");
  }
  ASSERT_TRUE(events_.wait_for("doubt ceph/held")) << "there is space again";
  EXPECT_EQ(hold_.probe(held.call()).why, "");
  done(hold_.lower(held.call()));
  EXPECT_EQ(images(), "free\nheld\nopen");
  EXPECT_EQ(in_trash(), "");
  ASSERT_TRUE(comes_true([&] { return std::holds_alternative<Done>(hold_.raise(free.call())); }));
  done(perform(OrderKind::Create, "new", {{"size_bytes", "4194304"}}));
}

TEST_F(WritableTest, AMirroredCopyIsHeldByReadersOnly) {
  make_volume("a");
  Asking writer{"a"}, reader{"a", "host", Access::ReadOnly};
  run({"mirror", "pool", "enable", "volumes", "image"});
  run({"mirror", "pool", "enable", "volumes/" + name_space_, "image"});
  run({"mirror", "image", "enable", spec("a"), "snapshot"});
  run({"mirror", "image", "demote", spec("a")});
  const auto refused = error(hold_.raise(writer.call()));
  EXPECT_EQ(refused.code, Code::FailedPrecondition) << refused.message;
  EXPECT_EQ(refused.effect, Effect::None);
  expect_text(refused.message, "mirrored and not primary here: attach it --read-only, or promote it");
  EXPECT_EQ(held_by("a"), "");
  reader.before = done(hold_.raise(reader.call()));
  EXPECT_EQ(hold_.probe(reader.call()).why, "");
  expect_no_more_doubts();
  done(hold_.lower(reader.call()));

  run({"mirror", "image", "promote", spec("a")});
  writer.before = done(hold_.raise(writer.call()));
  run({"mirror", "image", "demote", spec("a")});
  ASSERT_TRUE(events_.wait_for("doubt ceph/a"));
  const auto seen = hold_.probe(writer.call());
  EXPECT_EQ(seen.standing, Standing::Up);
  expect_text(seen.why, "mirrored and not primary here: every write fails until it is promoted");
  expect_no_more_doubts();
  done(hold_.lower(writer.call()));
  run({"mirror", "image", "promote", spec("a")});
  run({"mirror", "image", "disable", spec("a")});
}

TEST_F(WritableTest, CountsTheImagesBelowAClone) {
  make_volume("a");
  done(perform(OrderKind::Clone, "b", {{"source", "a"}}));
  done(perform(OrderKind::Clone, "c", {{"source", "b"}}));
  const auto count = [&](const std::string& name, int most) {
    return count_ancestors(pool(), read_header_of(pool(), name)->id, most).value();
  };
  EXPECT_EQ(count("a", 16), 0);
  EXPECT_EQ(count("b", 16), 1);
  EXPECT_EQ(count("c", 16), 2);
  EXPECT_EQ(count("c", 0), 1) << "no further than asked";
  done(perform(OrderKind::Clone, "d", {{"source", "c"}}));
  done(perform(OrderKind::Snapshot, "d", {{"snapshot", "before"}}));
  EXPECT_EQ(count("d", 16), 3);
  run({"flatten", "--no-progress", spec("d")});
  EXPECT_EQ(count("d", 16), 0) << "its snapshot has a parent still";
}

}  // namespace
}  // namespace blockplug::rbd::testing
