// SPDX-License-Identifier: Apache-2.0
#include "ceph/fence.h"

#include <iostream>

#include "ceph/connection.h"
#include "ceph/header.h"
#include "ceph/hold.h"
#include "ceph/own.h"
#include "ceph/snapshots.h"
#include "hotplug/host/process/process.h"
#include "hotplug/rungs.h"
#include "tests/ceph/images.h"

namespace blockplug::rbd::testing {
namespace {
using std::chrono::seconds;

class FenceTest : public ImagesTest {
 protected:
  // An attachment on node-1 whose client is the writer.
  void attach(Asking& asking, const Writer& writer) {
    for (const auto& [name, value] : asking.before) asking.below[name] = value;
    Facts facts;
    put_facts(*identify_process(writer.pid()), facts);
    for (const auto& [name, value] : facts) asking.below[name] = value;
    EXPECT_EQ(done(own_.raise(asking.call(rungs::kOwn))).at("image.client"), writer.address());
  }
  Attempt fence(const std::string& name, Facts arguments = {}) {
    const Order order{.id = 1, .volume = VolumeId{"ceph/" + name}, .kind = OrderKind::Fence, .arguments = std::move(arguments)};
    return second_.perform(
        {.order = order, .before = before_, .deadline = Time::max(), .stop = {}, .operation = "test", .journal = journal_});
  }
  // Checks the duration too: after an entry expires, a frozen client could write again.
  static bool is_blocklisted(const std::string& address) {
    const auto listed = ceph({"osd", "blocklist", "ls"}).output;
    const auto at = listed.find(address + " ");
    if (at == std::string::npos) return false;
    const auto year_of = [](const std::string& date) { return std::stoi(date.substr(0, 4)); };
    EXPECT_GE(year_of(listed.substr(at + address.size() + 1)), year_of(now_as_text()) + 9) << listed;
    return true;
  }
  // As if the holder were on another machine.
  void move_holder(const std::string& name, const std::string& host) {
    auto pool = open_pool(cluster_, place());
    const auto header = read_header_of(*pool, name);
    auto record = *hold_record_from(header->hold);
    for (auto& holder : record.holders) holder.host = host;
    EXPECT_TRUE(change_hold(*pool, header->id, header->hold, to_text(record)).ok());
  }
  void take_elsewhere(Asking& asking) {
    Attempt last = Waiting{};
    EXPECT_TRUE(comes_true([&] { return !std::holds_alternative<Waiting>(last = elsewhere_.raise(asking.call())); }));
    done(last);
  }

  RbdHold hold_{cluster_, place(), "node-1"};
  Own own_{cluster_, place(), "node-1"};
  Cluster second_cluster_{our_options()};
  RbdHold elsewhere_{second_cluster_, place(), "node-2"};
  RbdBackend second_{second_cluster_, place(), "node-2"};
};

TEST_F(FenceTest, WithoutTheRightToItTheHolderIsLeftAsItWas) {
  make_volume("a");
  Asking asking{"a"};
  asking.before = done(hold_.raise(asking.call()));
  Writer writer{"a", name_space_};
  attach(asking, writer);
  const auto before = held_by("a");
  const auto keyring = std::filesystem::path{::testing::TempDir()} / "weak.keyring";
  ASSERT_EQ(
      ceph({"auth", "get-or-create", "client.weak", "mon", "allow r", "osd", "profile rbd pool=volumes", "-o", keyring}).exit_code,
      0);
  auto options = our_options();
  options.user = "weak";
  options.keyring = keyring;
  Cluster weak_cluster{options};
  RbdBackend weak{weak_cluster, place(), "node-2"};
  const auto refused = error(perform(weak, OrderKind::Fence, "a", {}));
  EXPECT_EQ(refused.code, Code::PermissionDenied);
  EXPECT_EQ(refused.effect, Effect::None);
  expect_text(refused.message, "cannot blocklist client " + writer.address() + ": client.weak has no permission");
  EXPECT_EQ(held_by("a"), before);
  EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Up);
  EXPECT_EQ(writer.write("still"), "0");
  ASSERT_EQ(ceph({"auth", "rm", "client.weak"}).exit_code, 0);
  std::filesystem::remove(keyring);
}

// librbd breaks the lock of a client that the cluster has forgotten, and blocklists it. (Watches end after 20 s here.)
TEST_F(FenceTest, ASilentWriterIsNotFencedByAnOrderThatOnlyChangesTheImage) {
  for (const bool is_named : {true, false}) {
    const std::string name = is_named ? "a" : "b";
    make_volume(name);
    Asking asking{name};
    asking.before = done(hold_.raise(asking.call()));
    Writer writer{name, name_space_};
    if (is_named) attach(asking, writer);
    EXPECT_EQ(writer.write("first"), "0");
    {
      const Stopped frozen{writer.pid()};
      ASSERT_TRUE(comes_true([&] { return rbd_program({"status", spec(name)}).output.find("watcher=") == std::string::npos; }));
      const std::vector<std::pair<OrderKind, Facts>> orders{{OrderKind::Resize, {{"size_bytes", "8388608"}}},
                                                            {OrderKind::Snapshot, {{"snapshot", "monday"}}}};
      for (const auto& [kind, arguments] : orders) {
        const auto refused =
            error(second_.perform({.order = {.id = 1, .volume = asking.key.volume, .kind = kind, .arguments = arguments},
                                   .before = {},
                                   .deadline = Time::max(),
                                   .stop = {},
                                   .operation = "test",
                                   .journal = journal_}));
        EXPECT_EQ(refused.code, Code::Unavailable);
        EXPECT_EQ(refused.effect, Effect::None);
        expect_text(refused.message,
                    "client " + writer.address() + " of node node-1, which holds the image for writing, has been silent");
      }
      const auto refused = error(perform(second_, OrderKind::Clone, name + "-copy", {{"source", name}}));
      EXPECT_EQ(refused.code, Code::Unavailable);
      EXPECT_FALSE(is_blocklisted(writer.address()));
    }
    EXPECT_EQ(writer.write("second"), "0");
    ASSERT_TRUE(comes_true([&] { return rbd_program({"status", spec(name)}).output.find("watcher=") != std::string::npos; }));
    done(perform(second_, OrderKind::Resize, name, {{"size_bytes", "8388608"}}));
    EXPECT_EQ(writer.write("third"), "0");
    EXPECT_EQ(read(name, 0, 5), "third");
  }
}

TEST_F(FenceTest, ShutsOutTheHoldersClientAndNoOther) {
  make_volume("a");
  make_volume("b");
  Asking asking{"a"}, wanted{"a", "vm:web-1"};
  asking.before = done(hold_.raise(asking.call()));
  Writer writer{"a", name_space_}, bystander{"b", name_space_};
  attach(asking, writer);
  EXPECT_EQ(writer.write("one"), "0");
  const auto facts = done(fence("a"));
  EXPECT_EQ(facts.at("fenced"), writer.address());
  EXPECT_EQ(writer.write("two"), "108") << "ESHUTDOWN";
  EXPECT_EQ(bystander.write("three"), "0");
  EXPECT_TRUE(is_blocklisted(writer.address()));
  EXPECT_EQ(held_by("a"), "");
  take_elsewhere(wanted);
  EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Foreign);
  EXPECT_EQ(own_.probe(asking.call(rungs::kOwn)).standing, Standing::Down);
  EXPECT_EQ(error(own_.raise(asking.call(rungs::kOwn))).code, Code::FailedPrecondition);
  done(hold_.lower(asking.call()));
  expect_text(held_by("a"), "node-2");
  EXPECT_EQ(read("a", 0, 3), "one");
  bystander.end();
}

TEST_F(FenceTest, OfAFrozenClientThatTheClusterHasForgottenKeepsItsWritesOut) {
  make_volume("a");
  Asking asking{"a"}, wanted{"a", "vm:web-1"};
  asking.before = done(hold_.raise(asking.call()));
  Writer zombie{"a", name_space_};
  attach(asking, zombie);
  {
    const Stopped frozen{zombie.pid()};
    const auto frozen_at = Clock::now();
    const auto is_forgotten = [&] { return rbd_program({"status", spec("a")}).output.find(zombie.address()) == std::string::npos; };
    EXPECT_TRUE(comes_true(is_forgotten));
    std::cout << "forgotten after " << std::chrono::duration_cast<seconds>(Clock::now() - frozen_at).count() << " s\n";
    const auto refused = error(elsewhere_.raise(wanted.call()));
    EXPECT_EQ(refused.code, Code::FailedPrecondition) << "that nobody sees it proves nothing";
    expect_text(refused.message, "as client " + zombie.address());
    EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Up);
    EXPECT_EQ(done(fence("a")).at("fenced"), zombie.address());
    take_elsewhere(wanted);
    write("a", 0, "second");
  }
  EXPECT_EQ(zombie.write("zombie"), "108");
  EXPECT_EQ(read("a", 0, 6), "second");
}

TEST_F(FenceTest, ShutsOutForeignWatchersToo) {
  make_volume("a");
  Writer foreign{"a", name_space_};
  EXPECT_EQ(done(fence("a")).at("fenced"), foreign.address());
  EXPECT_EQ(foreign.write("x"), "108");
  EXPECT_EQ(held_by("a"), "");
}

TEST_F(FenceTest, OfAClientThatIsNotKnownNeedsTheWholeNode) {
  make_volume("a");
  Asking asking{"a"};
  done(hold_.raise(asking.call()));
  const auto refused = error(fence("a"));
  EXPECT_EQ(refused.code, Code::FailedPrecondition);
  expect_text(refused.message, "about to open it");
  expect_text(refused.message, "use --whole-node IP with the address of node node-1 (127.0.0.1 when it took the image)");
  expect_text(held_by("a"), "node-1");
  EXPECT_EQ(held_by("a").find("fenced"), std::string::npos);
  EXPECT_EQ(error(fence("a", {{"whole_node", "node-1"}})).code, Code::InvalidArgument);
  expect_text(error(fence("a", {{"whole_node", "127.0.0.1"}})).message, "is this node");
  move_holder("a", "192.0.2.9");
  const auto wrong = error(fence("a", {{"whole_node", "192.0.2.8"}}));
  EXPECT_EQ(wrong.code, Code::FailedPrecondition);
  expect_text(wrong.message, "from address 192.0.2.9: fencing 192.0.2.8 would leave its client able to write");
  expect_text(held_by("a"), "node-1");
  EXPECT_FALSE(is_blocklisted("192.0.2.8:0/0"));
  EXPECT_EQ(done(fence("a", {{"whole_node", "192.0.2.9"}})).at("fenced"), "192.0.2.9:0/0");
  EXPECT_TRUE(is_blocklisted("192.0.2.9:0/0"));
  EXPECT_EQ(held_by("a"), "");
}

TEST_F(FenceTest, NeverShutsOutThisNodeItself) {
  make_volume("a");
  Asking asking{"a"}, theirs{"a", "host", Access::ReadOnly};
  asking.spec.access = Access::ReadOnly;
  done(elsewhere_.raise(theirs.call()));  // one of the two readers is node-2, which fences
  done(hold_.raise(asking.call()));
  expect_text(error(fence("a", {{"whole_node", "192.0.2.10"}})).message,
              "this node holds it itself (node node-2 for ceph/a to host");
  EXPECT_FALSE(is_blocklisted("192.0.2.10:0/0"));
  done(elsewhere_.lower(theirs.call()));
  auto pool = open_pool(second_cluster_, place());
  ASSERT_TRUE(pool.ok());
  OpenImage ours;  // as in a concurrent resize or snapshot
  ASSERT_TRUE(open_to_change(*pool, find_image(*pool, "a").value(), ours).ok());
  EXPECT_EQ(done(fence("a", {{"whole_node", "192.0.2.10"}})).at("fenced"), "192.0.2.10:0/0");
  EXPECT_FALSE(is_blocklisted(pool->connection->own_address()));
}

TEST_F(FenceTest, OfOneNodeLeavesTheOtherReadersTheImage) {
  make_volume("a");
  Asking asking{"a"}, theirs{"a", "host", Access::ReadOnly};
  asking.spec.access = Access::ReadOnly;
  asking.before = done(hold_.raise(asking.call()));
  Writer reader{"a", name_space_};
  attach(asking, reader);
  done(elsewhere_.raise(theirs.call()));  // node-2, which fences, reads too
  EXPECT_EQ(done(fence("a", {{"node", "node-9"}})).at("fenced"), "") << "it has nothing of it";
  expect_text(held_by("a"), "node-1");
  EXPECT_EQ(reader.write("x"), "0");

  journal_.fails_at = "fencing";
  EXPECT_EQ(error(fence("a", {{"node", "node-1"}})).message, "crash");
  journal_ = {};
  expect_text(error(fence("a", {{"node", "node-9"}})).message, "it is being fenced from node node-1 by node node-2");
  theirs.before = done(elsewhere_.raise(theirs.call()));
  EXPECT_NE(elsewhere_.probe(theirs.call()).standing, Standing::Unknown) << "it goes on reading";
  expect_text(error(fence("a")).message, "this node holds it itself");  // a fence of all does not free who is not fenced yet
  EXPECT_EQ(second_.find(VolumeId{"ceph/a"})->details.at(kFencedFrom), "node-1");
  EXPECT_EQ(done(fence("a", {{"node", "node-1"}})).at("fenced"), reader.address());
  EXPECT_EQ(reader.write("y"), "108");
  EXPECT_TRUE(is_blocklisted(reader.address()));
  const auto left = held_by("a");
  EXPECT_EQ(left.find("node-1"), std::string::npos) << left;
  EXPECT_EQ(left.find("fenced"), std::string::npos) << left;
  expect_text(left, "node node-2 for ceph/a to host, read-only");
  done(elsewhere_.lower(theirs.call()));
}

// It waited until the node had let go of the image, and had taken it again.
TEST_F(FenceTest, OfWhatANodeHadLeavesAloneWhatItHasTakenSince) {
  make_volume("a");
  Asking asking{"a"};
  asking.before = done(hold_.raise(asking.call()));
  Writer writer{"a", name_space_};
  attach(asking, writer);
  const auto since = second_.find(VolumeId{"ceph/a"})->holders.at(0).since;
  EXPECT_EQ(done(fence("a", {{"node", "node-1"}, {"held_since", "2020-01-01T00:00:00Z"}})).at("fenced"), "");
  EXPECT_EQ(writer.write("still"), "0");
  expect_text(held_by("a"), "node-1");
  EXPECT_EQ(done(fence("a", {{"node", "node-1"}, {"held_since", since}})).at("fenced"), writer.address());
  EXPECT_EQ(writer.write("no more"), "108");
}

TEST_F(FenceTest, WritesAnAddressAsTheMonitorsDo) {
  make_volume("a");
  Asking asking{"a"};
  done(hold_.raise(asking.call()));
  move_holder("a", "[2001:db8::7]");
  EXPECT_EQ(done(fence("a", {{"whole_node", "2001:DB8:0:0:0:0:0:7"}})).at("fenced"), "[2001:db8::7]:0/0");
  EXPECT_EQ(held_by("a"), "");
}

// The monitors do not answer, another node finishes the fence, and the image has a new holder since.
TEST_F(FenceTest, FinishedByAnotherNodeIsNotBegunAgain) {
  make_volume("a");
  Asking asking{"a"}, wanted{"a", "vm:web-1"};
  asking.before = done(hold_.raise(asking.call()));
  Writer writer{"a", name_space_};
  attach(asking, writer);
  journal_.fails_at = "fencing";
  EXPECT_EQ(error(fence("a")).message, "crash");
  const auto first = journal_.kept;
  journal_ = {};
  done(fence("a"));
  writer.kill();
  take_elsewhere(wanted);
  before_ = first;
  EXPECT_EQ(done(fence("a")).at("fenced"), writer.address());
  expect_text(held_by("a"), "node node-2 for ceph/a to vm:web-1");
  EXPECT_EQ(held_by("a").find("fenced"), std::string::npos);
}

TEST_F(FenceTest, OfAnImageThatNobodyUsesDoesNothing) {
  make_volume("a");
  EXPECT_EQ(done(fence("a")).at("fenced"), "");
  EXPECT_EQ(held_by("a"), "");
  EXPECT_EQ(error(fence("none")).code, Code::NotFound);
}

// The holder's client and a foreign client are blocklisted. An attempt ends before or after its effect is recorded; then one of the
// two may be on the list.
TEST_F(FenceTest, StoppedAfterAnyStepIsFinishedByTheNextAttempt) {
  struct Stop {
    std::string at;
    bool is_kept;
    bool is_half_done;
  };
  for (const auto& [at, is_kept, is_half_done] :
       {Stop{"fencing", false, false}, Stop{"fencing", true, false}, Stop{"fencing", true, true}, Stop{"fenced", false, false},
        Stop{"fenced", true, false}}) {
    const auto name = "a-" + at + (is_kept ? "-kept" : "-lost") + (is_half_done ? "-half" : "");
    SCOPED_TRACE(name);
    make_volume(name);
    Asking asking{name}, wanted{name, "vm:web-1"};
    asking.before = done(hold_.raise(asking.call()));
    Writer writer{name, name_space_};
    attach(asking, writer);
    const Writer foreign{name, name_space_};
    journal_ = {};
    (is_kept ? journal_.fails_at : journal_.lost_at) = at;
    EXPECT_EQ(error(fence(name)).message, "crash");
    EXPECT_EQ(writer.write("x"), at == "fencing" ? "0" : "108");
    expect_text(held_by(name), "being fenced by node node-2");
    expect_text(held_by(name), writer.address());
    expect_text(error(elsewhere_.raise(wanted.call())).message, "it is being fenced by node node-2");
    const auto seen = hold_.probe(asking.call());
    EXPECT_EQ(seen.standing, Standing::Unknown) << "nothing is taken down before it is over";
    expect_text(seen.why, "it is being fenced by node node-2");
    EXPECT_TRUE(std::holds_alternative<Waiting>(hold_.lower(asking.call())));
    expect_text(error(perform(OrderKind::Delete, name, {})).message, "being fenced");
    if (is_half_done) {
      const auto& first = std::min(writer.address(), foreign.address());
      EXPECT_EQ(ceph({"osd", "blocklist", "add", first, "315360000"}).exit_code, 0);
    }
    writer.kill();  // it does not matter that it is no longer visible
    journal_.fails_at.clear();
    journal_.lost_at.clear();
    before_ = journal_.kept;
    const auto victims = done(fence(name)).at("fenced");
    for (const auto& address : {writer.address(), foreign.address()}) {
      expect_text(victims, address);
      EXPECT_TRUE(is_blocklisted(address)) << address;
    }
    EXPECT_EQ(held_by(name), "");
    take_elsewhere(wanted);
    before_ = journal_.kept;
    EXPECT_EQ(done(fence(name)).at("fenced"), victims) << "performed once more, it leaves the new holder alone";
    expect_text(held_by(name), "node-2");
    before_.clear();
  }
}

TEST_F(FenceTest, OfAWholeNodeStoppedAfterAnyStepIsFinishedByTheNextAttempt) {
  for (const std::string at : {"fencing", "fenced"}) {
    SCOPED_TRACE(at);
    const auto name = "w-" + at, node = "192.0.2." + std::to_string(20 + at.size());
    make_volume(name);
    Asking asking{name};
    done(hold_.raise(asking.call()));  // about to open it: its client is unknown
    move_holder(name, node);
    journal_ = {};
    journal_.fails_at = at;
    EXPECT_EQ(error(fence(name, {{"whole_node", node}})).message, "crash");
    expect_text(held_by(name), "being fenced by node node-2");
    EXPECT_EQ(is_blocklisted(node + ":0/0"), at == "fenced");
    journal_.fails_at.clear();
    before_ = journal_.kept;
    EXPECT_EQ(done(fence(name, {{"whole_node", node}})).at("fenced"), node + ":0/0");
    EXPECT_TRUE(is_blocklisted(node + ":0/0"));
    EXPECT_EQ(held_by(name), "");
    before_.clear();
  }
}

}  // namespace
}  // namespace blockplug::rbd::testing
