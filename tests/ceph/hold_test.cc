// SPDX-License-Identifier: Apache-2.0
#include "ceph/hold.h"

#include <array>
#include <atomic>
#include <future>
#include <iostream>
#include <thread>

#include "ceph/connection.h"
#include "ceph/header.h"
#include "ceph/own.h"
#include "ceph/rbd_source.h"
#include "hotplug/host/process/process.h"
#include "hotplug/rungs.h"
#include "tests/ceph/images.h"

namespace blockplug::rbd::testing {
namespace {
using std::chrono::seconds;

class HoldTest : public ImagesTest {
 protected:
  Error refusal(RbdHold& hold, Asking& asking) {
    auto refused = error(hold.raise(asking.call()));
    EXPECT_EQ(refused.code, Code::FailedPrecondition) << refused.message;
    return refused;
  }
  // In the ladder's order: hold, announce and open, own.
  Facts open_as(RbdHold& hold, Own& own, Asking& asking, const Writer* writer) {
    asking.before = done(hold.raise(asking.call()));
    for (const auto& [name, value] : asking.before) asking.below[name] = value;
    if (writer != nullptr) {
      const auto process = identify_process(writer->pid());
      Facts facts;
      put_facts(*process, facts);
      for (const auto& [name, value] : facts) asking.below[name] = value;
    }
    return done(own.raise(asking.call(rungs::kOwn)));
  }

  RbdHold hold_{cluster_, place(), "node-1"};
  RbdHold elsewhere_{cluster_, place(), "node-2"};
  Own own_{cluster_, place(), "node-1"};
};

TEST_F(HoldTest, IsDownThenUpThenDownAgain) {
  const auto image = make_volume("a");
  Asking asking{"a"};
  EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Down);
  const auto facts = done(hold_.raise(asking.call()));
  EXPECT_EQ(facts.at("image.id"), image);
  EXPECT_EQ(facts.at("image.size_bytes"), "4194304");
  EXPECT_EQ(done(hold_.raise(asking.call())), facts);
  const auto up = hold_.probe(asking.call());
  EXPECT_EQ(up.standing, Standing::Up) << up.why;
  EXPECT_EQ(up.facts, facts);
  expect_text(held_by("a"), "node node-1 for ceph/a to vm:web-0, read-write, since ");
  asking.before = facts;
  done(hold_.lower(asking.call()));
  done(hold_.lower(asking.call()));
  EXPECT_EQ(held_by("a"), "");
  asking.before.clear();
  EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Down);
}

TEST_F(HoldTest, OfAnotherNodeIsRefusedWithWhoWhereAndSinceWhen) {
  make_volume("a");
  Asking first{"a"}, second{"a", "host"};
  const auto since = done(hold_.raise(first.call())).at("hold.since");
  const auto refused = refusal(elsewhere_, second);
  EXPECT_EQ(refused.effect, Effect::None);
  expect_text(refused.message, "it is held by node node-1 for ceph/a to vm:web-0, read-write, since " + since);
  expect_text(refused.message, "`blockplug volume fence ceph/a`");
  EXPECT_EQ(elsewhere_.probe(second.call()).standing, Standing::Foreign);
  expect_text(refusal(hold_, second).message, "detach it there first");
  done(elsewhere_.lower(second.call()));
  EXPECT_EQ(hold_.probe(first.call()).standing, Standing::Up) << "another's lower changes nothing";
  expect_text(error(perform(OrderKind::Delete, "a", {})).message, "it is held by node node-1");
}

TEST_F(HoldTest, IsSharedByReadersOnly) {
  make_volume("a");
  Asking reader{"a", "vm:web-0", Access::ReadOnly}, second{"a", "vm:web-1", Access::ReadOnly}, writer{"a", "vm:web-2"};
  done(hold_.raise(reader.call()));
  done(elsewhere_.raise(second.call()));
  refusal(elsewhere_, writer);
  expect_text(held_by("a"), "node-1 for ceph/a to vm:web-0, read-only");
  expect_text(held_by("a"), "node-2 for ceph/a to vm:web-1, read-only");
  reader.spec.access = Access::ReadWrite;
  EXPECT_EQ(hold_.probe(reader.call()).standing, Standing::Foreign);
  refusal(hold_, reader);
  done(elsewhere_.lower(second.call()));
  EXPECT_EQ(hold_.probe(reader.call()).standing, Standing::Stale);
  done(hold_.raise(reader.call()));
  refusal(elsewhere_, second);
}

TEST_F(HoldTest, OfTwoThatRaceExactlyOneWinsEachTime) {
  make_volume("a");
  Cluster other_cluster{our_options()};
  RbdHold other{other_cluster, place(), "node-2"};
  Asking mine{"a"}, theirs{"a"};
  std::array<int, 2> wins{};
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> ready{0};
    const auto race = [&](RbdHold& hold, Asking& asking) {
      ++ready;
      while (ready < 2) std::this_thread::yield();
      return hold.raise(asking.call());
    };
    auto second = std::async(std::launch::async, [&] { return race(other, theirs); });
    const auto first_answer = race(hold_, mine), second_answer = second.get();
    const bool has_first = std::holds_alternative<Done>(first_answer), has_second = std::holds_alternative<Done>(second_answer);
    ASSERT_NE(has_first, has_second) << "round " << round;
    expect_text(error(has_first ? second_answer : first_answer).message, "it is held by node");
    ++wins[has_first ? 0 : 1];
    done(has_first ? hold_.lower(mine.call()) : other.lower(theirs.call()));
  }
  std::cout << "wins: " << wins[0] << " and " << wins[1] << "\n";
}

TEST_F(HoldTest, WaitsForAForeignWatcherThenNamesIt) {
  make_volume("a");
  RbdHold impatient{cluster_, place(), "node-1", nullptr, std::chrono::milliseconds{300}};
  Asking asking{"a"};
  {
    const Writer writer{"a", name_space_};
    const auto first = impatient.raise(asking.call());
    ASSERT_TRUE(std::holds_alternative<Waiting>(first));
    expect_text(std::get<Waiting>(first).for_what, writer.address());
    EXPECT_TRUE(std::get<Waiting>(first).until.has_value());
    expect_text(held_by("a"), "node-1");
    Attempt last = first;
    EXPECT_TRUE(comes_true([&] { return !std::holds_alternative<Waiting>(last = impatient.raise(asking.call())); }));
    const auto refused = error(last);
    EXPECT_EQ(refused.code, Code::FailedPrecondition);
    EXPECT_EQ(refused.effect, Effect::None);
    expect_text(refused.message, "it is open by " + writer.address() + ", a client that Blockplug does not manage");
    EXPECT_EQ(held_by("a"), "") << "given back";
    EXPECT_EQ(backend_.find(VolumeId{"ceph/a"})->watchers, std::vector{writer.address()});
  }
}

TEST_F(HoldTest, GivenUpWhileItWaitsForAForeignWatcherIsFreeAtOnce) {
  make_volume("a");
  Asking asking{"a"};
  const Writer writer{"a", name_space_};
  ASSERT_TRUE(std::holds_alternative<Waiting>(hold_.raise(asking.call())));
  done(hold_.lower(asking.call()));
  EXPECT_EQ(held_by("a"), "");
}

// A probe between the raises of a waiting hold must not accept what the raise refuses.
TEST_F(HoldTest, ThatWaitedAtFirstIsKeptForTheClientThatOpenedItAfterAll) {
  make_volume("a");
  Asking asking{"a"};
  {
    Writer stranger{"a", name_space_};
    ASSERT_TRUE(std::holds_alternative<Waiting>(hold_.raise(asking.call())));
    stranger.end();
  }
  asking.before = done(hold_.raise(asking.call()));
  const auto opened = [&] {
    const Writer writer{"a", name_space_};
    EXPECT_EQ(open_as(hold_, own_, asking, &writer).at("image.client"), writer.address());
    const auto lowered = hold_.lower(asking.call());  // the previous wait must be forgotten
    EXPECT_TRUE(std::holds_alternative<Waiting>(lowered));
    expect_text(held_by("a"), writer.address());
    return writer.address();
  }();
  expect_text(error(elsewhere_.raise(Asking{"a", "host"}.call())).message, opened);
}

// The wait also ends when a probe finds the hold up, because then it is not raised again.
TEST_F(HoldTest, ThatAProbeFoundUpAfterAWaitIsKeptForTheClientThatOpenedIt) {
  make_volume("a");
  Asking asking{"a"};
  {
    Writer stranger{"a", name_space_};
    ASSERT_TRUE(std::holds_alternative<Waiting>(hold_.raise(asking.call())));
    stranger.end();
  }
  const auto found = hold_.probe(asking.call());
  ASSERT_EQ(found.standing, Standing::Up) << found.why;
  asking.before = found.facts;
  const Writer writer{"a", name_space_};
  EXPECT_TRUE(std::holds_alternative<Waiting>(hold_.lower(asking.call()))) << "its client is there";
  expect_text(held_by("a"), "node-1");
}

// It was fenced, and the image is free again: a raise for another reason must not simply take it.
TEST_F(HoldTest, ThatIsGoneIsNotTakenAgainAsIfNothingHadBeen) {
  make_volume("a");
  Asking asking{"a"};
  asking.before = done(hold_.raise(asking.call()));
  auto pool = open_pool(cluster_, place());
  const auto header = read_header_of(*pool, "a");
  ASSERT_TRUE(change_hold(*pool, header->id, header->hold, "").ok());
  const auto refused = error(hold_.raise(asking.call()));
  EXPECT_EQ(refused.code, Code::Aborted);
  EXPECT_EQ(refused.effect, Effect::Unknown) << "so that it is looked at";
  EXPECT_EQ(held_by("a"), "");
  EXPECT_TRUE(hold_.probe(asking.call()).is_fenced);
  asking.before = {};
  done(hold_.raise(asking.call()));
}

// Two daemons with one name on one host, each with its own state: neither knows what the other does.
TEST_F(HoldTest, OfANamesakeOnThisHostIsRefused) {
  make_volume("a");
  auto options = our_options();
  options.state_dir = "/var/lib/one";
  Cluster one{options};
  options.state_dir = "/var/lib/two";
  Cluster two{options};
  RbdHold first{one, place(), "node-1"}, second{two, place(), "node-1"}, next_life{one, place(), "node-1"};
  Asking asking{"a"};
  asking.before = done(first.raise(asking.call()));
  Asking theirs{"a"};
  const auto refused = refusal(second, theirs);
  expect_text(refused.message,
              "another daemon on this host (state_dir /var/lib/one) has the same node name as this one (state_dir /var/lib/two)");
  EXPECT_EQ(second.probe(theirs.call()).standing, Standing::Foreign);
  done(second.lower(theirs.call()));
  EXPECT_EQ(next_life.probe(asking.call()).standing, Standing::Up);
  done(next_life.lower(asking.call()));
}

// A machine that only hangs was replaced by another one with the same name and address.
TEST_F(HoldTest, OfAnotherMachineOfOurNameAndAddressIsRefused) {
  make_volume("a");
  auto pool = open_pool(cluster_, place());
  ASSERT_TRUE(pool.ok());
  Asking asking{"a"};
  HoldRecord theirs{.holders = {{.node = "node-1",
                                 .host = "127.0.0.1",
                                 .machine = "another",
                                 .attachment = asking.key,
                                 .boot = "theirs",
                                 .since = "2026-01-02T03:04:05Z",
                                 .clients = {{"127.0.0.1:0/1", "12 34"}}}}};
  const auto id = find_image(*pool, "a").value();
  ASSERT_TRUE(change_hold(*pool, id, "", to_text(theirs)).ok());
  expect_text(refusal(hold_, asking).message, "was another machine, or had another state_dir");
  done(hold_.lower(asking.call()));
  expect_text(held_by("a"), "node node-1");
  // The same machine after a reboot.
  const auto before = to_text(theirs);
  theirs.holders[0].machine = {};
  ASSERT_TRUE(change_hold(*pool, id, before, to_text(theirs)).ok());
  done(hold_.raise(asking.call()));
}

// One of several readers, on another machine, is about to open the image: its watcher comes from there.
TEST_F(HoldTest, AReaderAboutToOpenHidesNoWatcherOfAnotherHost) {
  make_volume("a");
  auto pool = open_pool(cluster_, place());
  ASSERT_TRUE(pool.ok());
  for (const std::string host : {"192.0.2.9", "127.0.0.1"}) {
    const HoldRecord theirs{.holders = {{.node = "node-9",
                                         .host = host,
                                         .attachment = {VolumeId{"ceph/a"}, TargetId{"vm:far"}},
                                         .access = Access::ReadOnly,
                                         .boot = "theirs",
                                         .since = "2026-01-02T03:04:05Z",
                                         .may_be_opening = true}}};
    const auto header = read_header_of(*pool, "a");
    ASSERT_TRUE(change_hold(*pool, header->id, header->hold, to_text(theirs)).ok());
    Asking reader{"a", "vm:web-0", Access::ReadOnly};
    Writer stranger{"a", name_space_};
    const auto attempt = hold_.raise(reader.call());
    EXPECT_EQ(std::holds_alternative<Waiting>(attempt), host == "192.0.2.9");
    EXPECT_EQ(hold_.probe(reader.call()).standing, host == "192.0.2.9" ? Standing::Partial : Standing::Up);
    stranger.end();
    done(hold_.lower(reader.call()));
  }
}

TEST_F(HoldTest, IsNotUpWhileAForeignWatcherIsWaitedFor) {
  make_volume("a");
  Asking asking{"a"};
  const Writer writer{"a", name_space_};
  ASSERT_TRUE(std::holds_alternative<Waiting>(hold_.raise(asking.call())));
  EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Partial);
  RbdHold next_life{cluster_, place(), "node-1"};
  EXPECT_EQ(next_life.probe(asking.call()).standing, Standing::Partial);
  EXPECT_TRUE(std::holds_alternative<Waiting>(next_life.raise(asking.call())));
  done(hold_.lower(asking.call()));
}

TEST_F(HoldTest, IsRefusedWhereTheImageIsNotTheOneItWas) {
  make_volume("a");
  Asking asking{"a"}, none{"none"};
  asking.before = done(hold_.raise(asking.call()));
  EXPECT_EQ(rbd_program({"rm", "--no-progress", spec("a")}).exit_code, 0);
  EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Stale);
  expect_text(refusal(hold_, asking).message, "the image was deleted");
  make_volume("a");
  EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Stale);
  expect_text(refusal(hold_, asking).message, "restore the image with id " + asking.before.at("image.rbd_id"));
  done(hold_.lower(asking.call()));
  EXPECT_EQ(hold_.probe(none.call()).standing, Standing::Down);
  EXPECT_EQ(error(hold_.raise(none.call())).code, Code::NotFound);
}

TEST_F(HoldTest, NamesTheClientThatOpened) {
  make_volume("a");
  Asking asking{"a"};
  asking.before = done(hold_.raise(asking.call()));
  expect_text(held_by("a"), "about to open it");
  const Writer writer{"a", name_space_};
  EXPECT_EQ(open_as(hold_, own_, asking, &writer).at("image.client"), writer.address());
  EXPECT_EQ(own_.probe(asking.call(rungs::kOwn)).standing, Standing::Up);
  expect_text(held_by("a"), "as client " + writer.address());
  EXPECT_EQ(held_by("a").find("about to open"), std::string::npos);
  EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Up);
  done(hold_.raise(asking.call()));
  EXPECT_EQ(held_by("a").find("about to open"), std::string::npos) << "who lives stays named";
  EXPECT_EQ(open_as(hold_, own_, asking, &writer).at("image.client"), writer.address());
  const auto lowered = hold_.lower(asking.call());
  ASSERT_TRUE(std::holds_alternative<Waiting>(lowered)) << "it is open still";
  expect_text(std::get<Waiting>(lowered).for_what, writer.address());
}

TEST_F(HoldTest, SaysThatAClientIsNotKnownWhereNoneOrSeveralAreNew) {
  make_volume("a");
  Asking none{"a"}, several{"b"};
  auto facts = open_as(hold_, own_, none, nullptr);
  EXPECT_EQ(facts.at("image.client"), "unknown");
  expect_text(facts.at("image.client_why"), "no new watcher");
  make_volume("b");
  several.before = done(hold_.raise(several.call()));
  const Writer first{"b", name_space_}, second{"b", name_space_};
  facts = open_as(hold_, own_, several, &first);
  EXPECT_EQ(facts.at("image.client"), "unknown");
  expect_text(facts.at("image.client_why"), "several new watchers");
  const auto found = own_.probe(several.call(rungs::kOwn));
  EXPECT_EQ(found.standing, Standing::Up);
  expect_text(found.why, "a fence would need --whole-node");
}

TEST_F(HoldTest, OfAClientKilledIsTakenAnewWhenTheClusterHasForgottenIt) {
  make_volume("a");
  Asking asking{"a"};
  asking.before = done(hold_.raise(asking.call()));
  Writer writer{"a", name_space_};
  open_as(hold_, own_, asking, &writer);
  writer.kill();
  EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Stale);
  EXPECT_EQ(own_.probe(asking.call(rungs::kOwn)).standing, Standing::Up) << "a record, not a proof";
  const auto waiting = hold_.raise(asking.call());
  ASSERT_TRUE(std::holds_alternative<Waiting>(waiting));
  expect_text(std::get<Waiting>(waiting).for_what, writer.address());
  Asking other{"a", "host"};
  refusal(elsewhere_, other);
  const auto killed = Clock::now();
  Attempt last = waiting;
  ASSERT_TRUE(comes_true([&] { return !std::holds_alternative<Waiting>(last = hold_.raise(asking.call())); }));
  done(last);
  std::cout << "forgotten after " << std::chrono::duration_cast<seconds>(Clock::now() - killed).count() << " s\n";
  expect_text(held_by("a"), "about to open it");
  EXPECT_EQ(held_by("a").find(writer.address()), std::string::npos) << "the dead one is named no more";
  EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Up);
  EXPECT_EQ(own_.probe(asking.call(rungs::kOwn)).standing, Standing::Down);
  const Writer again{"a", name_space_};
  EXPECT_EQ(open_as(hold_, own_, asking, &again).at("image.client"), again.address());
}

TEST_F(HoldTest, OfAnEarlierBootIsTakenOverWhenItsClientsAreForgotten) {
  make_volume("a");
  Asking asking{"a"};
  Writer writer{"a", name_space_};  // stands for a client of that boot, which is still listed as a watcher
  const HoldRecord earlier{.holders = {{.node = "node-1",
                                        .attachment = asking.key,
                                        .boot = "an earlier one",
                                        .since = "2026-01-02T03:04:05Z",
                                        .clients = {{writer.address(), "12 34"}, {"", ""}}}}};
  auto pool = open_pool(cluster_, place());
  ASSERT_TRUE(pool.ok());
  ASSERT_TRUE(change_hold(*pool, find_image(*pool, "a").value(), "", to_text(earlier)).ok());
  EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Stale);
  Asking foreign{"a", "host"};
  refusal(elsewhere_, foreign);
  const auto waiting = hold_.raise(asking.call());
  ASSERT_TRUE(std::holds_alternative<Waiting>(waiting));
  expect_text(std::get<Waiting>(waiting).for_what, writer.address());
  writer.end();
  done(hold_.raise(asking.call()));
  expect_text(held_by("a"), "since 2026-01-02T03:04:05Z, about to open it");
  EXPECT_EQ(held_by("a").find("client"), std::string::npos);
  EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Up);
}

// Two newly installed machines have the same name, and each sees an entry of "its own" with another boot id.
TEST_F(HoldTest, OfAnotherMachineOfTheSameNameIsNeverTakenOver) {
  make_volume("a");
  Asking asking{"a"};
  HoldRecord theirs{.holders = {{.node = "node-1",
                                 .host = "192.0.2.9",
                                 .attachment = asking.key,
                                 .boot = "another",
                                 .since = "2026-01-02T03:04:05Z",
                                 .clients = {{"192.0.2.9:0/7", "12 34"}}}}};
  auto pool = open_pool(cluster_, place());
  ASSERT_TRUE(pool.ok());
  const auto id = find_image(*pool, "a").value();
  ASSERT_TRUE(change_hold(*pool, id, "", to_text(theirs)).ok());
  const auto before = held_by("a");
  const auto refused = refusal(hold_, asking);
  expect_text(refused.message,
              "the node at 192.0.2.9 has the same name as this one, which is at 127.0.0.1: configure a unique `node` for each");
  expect_text(refused.message, "volume fence ceph/a");
  EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Foreign);
  EXPECT_TRUE(hold_.survey(Clock::now() + std::chrono::minutes(1)).empty());
  done(hold_.lower(asking.call()));
  EXPECT_EQ(held_by("a"), before) << "neither taken, nor given back";
  theirs.holders[0].host = "127.0.0.1";  // this machine, before its reboot
  ASSERT_TRUE(change_hold(*pool, id, read_header(*pool, id)->hold, to_text(theirs)).ok());
  done(hold_.raise(asking.call()));
  asking.before = done(hold_.raise(asking.call()));
  done(hold_.lower(asking.call()));
  EXPECT_EQ(held_by("a"), "");
}

TEST_F(HoldTest, IsUnknownWhileTheClusterDoesNotAnswer) {
  make_volume("a");
  Asking asking{"a"};
  auto options = our_options();
  options.osd_op_timeout = seconds{1};
  Cluster impatient{options};
  RbdHold hold{impatient, place(), "node-1"};
  asking.before = done(hold_.raise(asking.call()));
  {
    const Stopped osd{osd_pid()};
    EXPECT_EQ(hold.probe(asking.call()).standing, Standing::Unknown);
    const auto raised = error(hold.raise(asking.call())), lowered = error(hold.lower(asking.call()));
    EXPECT_EQ(raised.code, Code::Unavailable);
    EXPECT_EQ(lowered.code, Code::Unavailable);
    expect_text(raised.message, "the cluster did not answer in time");
  }
  EXPECT_TRUE(comes_true([&] { return hold.probe(asking.call()).standing == Standing::Up; }));
}

TEST_F(HoldTest, IsFoundBySurveyWithItsAttachment) {
  make_volume("a");
  make_volume("b");
  Asking asking{"a"}, foreign{"b"};
  const auto facts = done(hold_.raise(asking.call()));
  done(elsewhere_.raise(foreign.call()));
  const auto found = hold_.survey(Clock::now() + std::chrono::minutes(1));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().key, asking.key);
  EXPECT_EQ(found.front().facts.at("image.rbd_id"), facts.at("image.rbd_id"));
  RbdHold other_backend{cluster_, place("other"), "node-1"};
  EXPECT_TRUE(other_backend.survey(Clock::now() + std::chrono::minutes(1)).empty());
}

TEST_F(HoldTest, AnnouncesBeforeEachOpenAndGivesQemuWhatItNeeds) {
  make_volume("a");
  auto source = RbdSource::make({cluster_, place(), "node-1", ceph_directory() / "run" / name_space_});
  ASSERT_TRUE(source.ok());
  Asking asking{"a"};
  EXPECT_EQ((*source)->recipe(asking.call(rungs::kOpen)).error().code, Code::FailedPrecondition) << "no hold, no recipe";
  asking.before = done(hold_.raise(asking.call()));
  for (const auto& [name, value] : asking.before) asking.below[name] = value;
  auto recipe = (*source)->recipe(asking.call(rungs::kOpen));
  ASSERT_TRUE(recipe.ok()) << recipe.error().message;
  EXPECT_EQ(recipe->size_bytes, 4 * kMiB);
  EXPECT_EQ(recipe->file_json.find(our_key()), std::string::npos);
  ASSERT_EQ(recipe->objects_json.size(), 1U);
  expect_text(recipe->objects_json.front(), our_key());
  expect_text(recipe->file_json, "\"namespace\":\"" + name_space_ + "\"");
  {
    const Writer writer{"a", name_space_};
    open_as(hold_, own_, asking, &writer);
    ASSERT_TRUE((*source)->recipe(asking.call(rungs::kOpen)).ok());
    EXPECT_EQ(held_by("a").find("about to open"), std::string::npos) << "nothing new is opened for a resize";
  }
  const auto shown =
      R"(json:{"server.0.host":"x","driver":"rbd","pool":"volumes","namespace":")" + name_space_ + R"(","image":"a"})";
  EXPECT_EQ((*source)->is_of_volume(asking.call(), shown), true);
  EXPECT_EQ((*source)->is_of_volume(asking.call(), recipe->file_json), true);
  EXPECT_EQ((*source)->is_of_volume(asking.call(), R"(json:{"driver":"rbd","pool":"volumes","image":"a"})"), false);
  EXPECT_EQ((*source)->is_of_volume(asking.call(), "/dev/sda"), std::nullopt);
  // QEMU would open an image that is not held, by its name.
  EXPECT_EQ(rbd_program({"mv", spec("a"), spec("a-of-old")}).exit_code, 0);
  EXPECT_EQ(rbd_program({"create", "--size", "4", spec("a")}).exit_code, 0);
  const auto refused = (*source)->recipe(asking.call(rungs::kOpen));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::FailedPrecondition);
  expect_text(refused.error().message, "another one was created under its name");
}

}  // namespace
}  // namespace blockplug::rbd::testing
