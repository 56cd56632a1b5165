// SPDX-License-Identifier: Apache-2.0
// The Volume Manager's door: what callers ask for, and what they are told.
#include "tests/attach-detach/manager_fixture.h"
#include "tests/attach-detach/rungs.h"

namespace blockplug::test {
namespace {

class Manager : public ManagerTest {};

TEST_F(Manager, AttachClimbsAndTellsItsCallerOnce) {
  auto& heard = attach("local/v", "vm:a");
  runner.run();
  EXPECT_TRUE(heard.is_ok());
  EXPECT_EQ(world.calls,
            (Calls{"raise hold of local/v to vm:a", "raise open of local/v to vm:a", "raise plug of local/v to vm:a"}));
  EXPECT_EQ(world.operations, (Calls{"op", "op", "op"}));
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
  EXPECT_EQ(manager->list().size(), 1U);
}

TEST_F(Manager, DetachDescendsTellsItsCallerAndForgets) {
  attached("local/v", "vm:a");
  auto& heard = detach("local/v", "vm:a");
  runner.run();
  EXPECT_TRUE(heard.is_ok());
  EXPECT_EQ(world.calls,
            (Calls{"lower plug of local/v to vm:a", "lower open of local/v to vm:a", "lower hold of local/v to vm:a"}));
  EXPECT_TRUE(manager->list().empty());
  EXPECT_TRUE(manager->world().volumes.empty());
}

TEST_F(Manager, DetachOfWhatIsNotThereIsSoAlready) {
  auto& heard = detach("local/v", "vm:a");
  runner.run();
  EXPECT_TRUE(heard.is_ok());
  EXPECT_TRUE(world.calls.empty());
}

TEST_F(Manager, NothingIsDoneBeforeTheIntentIsDurable) {
  attach("local/v", "vm:a");
  EXPECT_EQ(store->commits, 1);
  EXPECT_EQ(runner.waiting_jobs(), 0U);
  runner.run_tasks();
  EXPECT_EQ(runner.waiting_jobs(), 1U);
}

TEST_F(Manager, TheEqualRepeatJoins) {
  std::vector<Heard*> all;
  for (int call = 0; call < 10; ++call) all.push_back(&attach("local/v", "vm:a"));
  runner.run();
  for (const auto* heard : all) EXPECT_TRUE(heard->is_ok());
  EXPECT_EQ(world.calls.size(), 3U);
  auto& late = attach("local/v", "vm:a");
  runner.run();
  EXPECT_TRUE(late.is_ok());
  EXPECT_EQ(world.take_calls().size(), 3U);
  all.clear();
  for (int call = 0; call < 10; ++call) all.push_back(&detach("local/v", "vm:a"));
  runner.run();
  for (const auto* heard : all) EXPECT_TRUE(heard->is_ok());
  EXPECT_EQ(world.calls.size(), 3U);
}

TEST_F(Manager, DetachDuringAttachWinsAndTheAttachHearsIt) {
  bool was_told_to_stop = false;
  world.on_call = [&](const Call& call) { was_told_to_stop = call.stop.stop_requested(); };
  auto& up = attach("local/v", "vm:a");
  runner.run_tasks();
  ASSERT_EQ(runner.waiting_jobs(), 1U);
  auto& down = detach("local/v", "vm:a");
  runner.run_job();
  EXPECT_TRUE(was_told_to_stop);
  EXPECT_EQ(up.times, 1);
  EXPECT_EQ(up.code(), Code::Aborted);
  EXPECT_EQ(up.error->effect, Effect::None);
  EXPECT_EQ(down.times, 0);
  runner.run();
  EXPECT_TRUE(down.is_ok());
  EXPECT_EQ(world.calls, (Calls{"raise hold of local/v to vm:a", "lower hold of local/v to vm:a"}));
  EXPECT_FALSE(is_known("local/v", "vm:a"));
}

TEST_F(Manager, AttachDuringDetachWinsAndTheDetachHearsIt) {
  attached("local/v", "vm:a");
  world.script["lower plug"] = {Waiting{"the guest", {}}};
  auto& down = detach("local/v", "vm:a");
  runner.run();
  auto& up = attach("local/v", "vm:a");
  runner.run();
  EXPECT_EQ(down.times, 1);
  EXPECT_EQ(down.code(), Code::Aborted);
  EXPECT_TRUE(up.is_ok());
  EXPECT_EQ(world.calls,
            (Calls{"lower plug of local/v to vm:a", "lower plug of local/v to vm:a", "raise plug of local/v to vm:a"}));
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
}

TEST_F(Manager, ContradictingCallsEndAsTheLastWordWanted) {
  std::vector<Heard*> ups, downs;
  for (int call = 0; call < 5; ++call) {
    ups.push_back(&attach("local/v", "vm:a"));
    runner.run_job();
    downs.push_back(&detach("local/v", "vm:a"));
    if (call % 2 == 0) runner.run_job();
  }
  auto& last = attach("local/v", "vm:a");
  runner.run();
  EXPECT_TRUE(last.is_ok());
  EXPECT_EQ(world.up.size(), 3U);
  for (const auto* heard : ups) EXPECT_EQ(heard->times, 1);
  for (const auto* heard : downs) EXPECT_EQ(heard->times, 1);
}

TEST_F(Manager, AFinalErrorWithdrawsAndIsHeardWhenAllIsDown) {
  world.script["raise plug"] = {no_effect(Code::ResourceExhausted, "no free hot-plug slot")};
  std::size_t up_when_heard = 99;
  std::optional<Error> error;
  ASSERT_TRUE(manager
                  ->attach(request("local/v", "vm:a"),
                           [&](const Status& status) {
                             up_when_heard = world.up.size();
                             error = status.error();
                           })
                  .ok());
  runner.run();
  EXPECT_EQ(up_when_heard, 0U);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(*error, no_effect(Code::ResourceExhausted, "attach local/v to vm:a: plug: no free hot-plug slot"));
  EXPECT_FALSE(is_known("local/v", "vm:a"));
}

TEST_F(Manager, AnotherErrorStaysDesired) {
  world.script["raise plug"] = {no_answer()};
  auto& heard = attach("local/v", "vm:a");
  runner.run();
  EXPECT_EQ(heard.times, 0);
  runner.pass(std::chrono::milliseconds(500));
  EXPECT_TRUE(heard.is_ok());
}

TEST_F(Manager, AFinalErrorOfWhatWasCompleteOnceStaysDesired) {
  attached("local/v", "vm:a");
  world.up.erase({key("local/v", "vm:a"), {rungs::kPlug, {}}});
  world.script["raise plug"] = {no_effect(Code::NotFound, "no such VM")};
  manager->doubt_volume(VolumeId("local/v"));
  runner.run();
  EXPECT_EQ(state("local/v", "vm:a"), State::Failed);
  runner.pass(std::chrono::milliseconds(500));
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
}

TEST_F(Manager, ADoubtOfAnAttachmentIsOfThatOneAlone) {
  for (const auto& target : {"vm:a", "vm:b"}) {
    auto shared = request("local/v", target);
    shared.spec.access = Access::ReadOnly;
    ASSERT_TRUE((attach(shared), runner.run(), true));
    ASSERT_EQ(state("local/v", target), State::Attached);
  }
  attached("local/w", "vm:b");
  (void)world.take_calls();
  manager->doubt_attachment(key("local/v", "vm:b"));
  manager->doubt_attachment(key("local/w", "vm:a"));  // it is not there
  manager->doubt_attachment(key("local/none", "vm:a"));
  runner.run();
  EXPECT_EQ(world.calls,
            (Calls{"probe hold of local/v to vm:b", "probe open of local/v to vm:b", "probe plug of local/v to vm:b"}));
}

struct Other {
  const char* name;
  std::function<void(AttachRequest&)> change;
  const char* says;
};
void PrintTo(const Other& row, std::ostream* out) { *out << row.name; }
class AttachParameters : public Manager, public testing::WithParamInterface<Other> {};

TEST_P(AttachParameters, ThatDifferAreRefusedAndChangeNothing) {
  auto first = with_leaf(request("local/v", "vm:a"), "/p", {Access::ReadWrite, {"noatime"}});
  auto& heard = attach(first);
  runner.run();
  ASSERT_TRUE(heard.is_ok());
  auto second = first;
  GetParam().change(second);
  (void)world.take_calls();
  auto& refused = attach(second);
  EXPECT_EQ(refused.code(), Code::AlreadyExists);
  EXPECT_EQ(refused.error->message, std::string("attach local/v to vm:a: it is attached there already, ") + GetParam().says +
                                        ". Detach it first, or ask for the same");
  runner.run();
  EXPECT_EQ(refused.times, 1);
  EXPECT_TRUE(world.calls.empty());
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
}

INSTANTIATE_TEST_SUITE_P(
    All, AttachParameters,
    testing::Values(Other{"Access", [](AttachRequest& made) { made.spec.access = Access::ReadOnly; }, "read-write"},
                    Other{"Filesystem", [](AttachRequest& made) { made.spec.filesystem = "ext4"; }, "as a raw block device"},
                    Other{"Limits", [](AttachRequest& made) { made.spec.limits["iops"] = 5; }, "with other limits"},
                    Other{"LeafFlags", [](AttachRequest& made) { made.leaf->second.flags = {}; }, "at /p with other flags"},
                    Other{"LeafAccess", [](AttachRequest& made) { made.leaf->second.access = Access::ReadOnly; },
                          "at /p read-write"}),
    [](const auto& row) { return row.param.name; });

TEST_F(Manager, WhatIsHeldElsewhereIsRefusedNamingTheHolder) {
  attached("local/v", "vm:a");
  auto& other_target = attach("local/v", "vm:b");
  EXPECT_EQ(other_target.code(), Code::FailedPrecondition);
  EXPECT_EQ(other_target.error->message, "attach local/v to vm:b: it is attached already: local/v to vm:a. Detach it there first");
  auto& other_name = attach("alias/v", "vm:a");
  EXPECT_EQ(other_name.code(), Code::FailedPrecondition);
  EXPECT_EQ(other_name.error->message, "attach alias/v to vm:a: it is attached already: local/v to vm:a. Detach it there first");
  runner.run();
  EXPECT_EQ(manager->list().size(), 1U);
}

TEST_F(Manager, AfterADetachTheNextTargetWaitsUntilAllIsDown) {
  attached("local/v", "vm:a");
  world.script["lower plug"] = {Waiting{"the guest", {}}, Waiting{"the guest", {}}};
  detach("local/v", "vm:a");
  runner.run();
  auto& next = attach("local/v", "vm:b");
  runner.run();
  EXPECT_EQ(next.times, 0);
  EXPECT_EQ(attach("alias/v", "vm:c").code(), Code::FailedPrecondition);  // it is desired elsewhere by now
  (void)world.take_calls();
  manager->touch_volume(VolumeId("local/v"));
  runner.run();
  EXPECT_TRUE(next.is_ok());
  EXPECT_EQ(world.calls,
            (Calls{"lower plug of local/v to vm:a", "lower open of local/v to vm:a", "lower hold of local/v to vm:a",
                   "raise hold of local/v to vm:b", "raise open of local/v to vm:b", "raise plug of local/v to vm:b"}));
}

TEST_F(Manager, UnderAnotherNameItWaitsToo) {
  attached("local/v", "vm:a");
  world.script["lower plug"] = {Waiting{"the guest", {}}};
  detach("local/v", "vm:a");
  runner.run();
  auto& alias = attach("alias/v", "vm:b");
  runner.run();
  EXPECT_EQ(alias.times, 0);
  manager->touch_volume(VolumeId("local/v"));
  runner.run();
  EXPECT_TRUE(alias.is_ok());
}

TEST_F(Manager, ReadersShareAndWritersShareWhereTheVolumeMay) {
  for (const auto* volume : {"local/r", "local/m"})
    for (const auto* target : {"vm:a", "vm:b"}) {
      auto made = request(volume, target);
      if (made.key.volume.str() == "local/r")
        made.spec.access = Access::ReadOnly;
      else
        made.may_share = true;
      auto& heard = attach(made);
      runner.run();
      EXPECT_TRUE(heard.is_ok()) << volume << target;
    }
  EXPECT_EQ(attach("local/r", "vm:c").code(), Code::FailedPrecondition);
}

TEST_F(Manager, AnotherAccessAfterADetachComesDownFirst) {
  attached("local/v", "vm:a");
  world.script["lower plug"] = {Waiting{"the guest", {}}};
  detach("local/v", "vm:a");
  runner.run();
  auto reader = request("local/v", "vm:a");
  reader.spec.access = Access::ReadOnly;
  (void)world.take_calls();
  auto& heard = attach(reader);
  runner.run();
  EXPECT_TRUE(heard.is_ok());
  EXPECT_EQ(world.calls,
            (Calls{"lower plug of local/v to vm:a", "lower open of local/v to vm:a", "lower hold of local/v to vm:a",
                   "raise hold of local/v to vm:a", "raise open of local/v to vm:a", "raise plug of local/v to vm:a"}));
}

TEST_F(Manager, RefusesWhatItCannotDo) {
  EXPECT_EQ(attach("none/v", "vm:a").code(), Code::InvalidArgument);
  EXPECT_EQ(attach("local/v", "node:n").code(), Code::InvalidArgument);
  auto wrong_leaf = request("local/v", "vm:a");
  wrong_leaf.leaf = {{rungs::kPublish, "/p"}, {}};
  auto& heard = attach(wrong_leaf);
  EXPECT_EQ(heard.code(), Code::InvalidArgument);
  EXPECT_EQ(heard.error->message, "attach local/v to vm:a: this target has no publish");
  EXPECT_TRUE(manager->world().volumes.empty());
}

TEST_F(Manager, OnAFullDiskRefusesAttachesAndTakesDetaches) {
  attached("local/v", "vm:a");
  store->is_low = true;
  EXPECT_EQ(attach("local/w", "vm:a").code(), Code::ResourceExhausted);
  auto& down = detach("local/v", "vm:a");
  runner.run();
  EXPECT_TRUE(down.is_ok());
}

TEST_F(Manager, RefusesToAttachWhatIsBeingDeleted) {
  world.script["delete"] = {no_answer()};
  order("local/v", OrderKind::Delete);
  runner.run();
  auto& heard = attach("local/v", "vm:a");
  EXPECT_EQ(heard.code(), Code::FailedPrecondition);
  EXPECT_EQ(heard.error->message, "attach local/v to vm:a: the volume is being deleted");
}

TEST_F(Manager, ACallerThatGoesAwayIsNotToldAndTheDesiredStateStays) {
  auto& heard = attach("local/v", "vm:a");
  manager->abandon(heard.id);
  runner.run();
  EXPECT_EQ(heard.times, 0);
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
  manager->abandon(heard.id);  // twice, and of what never was
  manager->abandon(4711);
}

TEST_F(Manager, WaitUntilUpJoinsTheDesiredStateAsItIs) {
  std::optional<Code> none, joined, later;
  const auto note = [](std::optional<Code>& code) {
    return [&code](const Status& status) { code = status.ok() ? Code{} : status.error().code; };
  };
  manager->wait_until_up(key("local/v", "vm:a"), note(none));
  runner.run();
  EXPECT_EQ(none, Code::Aborted);
  attach("local/v", "vm:a");
  manager->wait_until_up(key("local/v", "vm:a"), note(joined));
  runner.run();
  EXPECT_EQ(joined, Code{});
  detach("local/v", "vm:a");
  manager->wait_until_up(key("local/v", "vm:a"), note(later));
  runner.run();
  EXPECT_EQ(later, Code::Aborted);
}

}  // namespace
}  // namespace blockplug::test
