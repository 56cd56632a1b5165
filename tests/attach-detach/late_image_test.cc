// SPDX-License-Identifier: Apache-2.0
// Which image a volume is may be known only to the rung that holds it. Exclusivity by image applies from then on.
#include <algorithm>

#include "tests/attach-detach/manager_fixture.h"

namespace blockplug::test {
namespace {

class LateImageTest : public ManagerTest {
 protected:
  static AttachRequest unknown(const std::string& volume, const std::string& target, Access access = Access::ReadWrite) {
    auto made = request(volume, target);
    made.image = {};
    made.spec.access = access;
    return made;
  }
  static Done held(const std::string& image) { return Done{{{"image.id", image}}}; }
  ImageId image_of(const std::string& volume) const {
    const auto* found = manager->world().find(VolumeId(volume));
    return found == nullptr ? ImageId{} : found->image;
  }
  bool was_called(const std::string& call) const { return std::ranges::find(world.calls, call) != world.calls.end(); }
  // Attached, and known to be this image.
  void attached_as(const std::string& volume, const std::string& target, const std::string& image,
                   Access access = Access::ReadWrite) {
    world.script["raise hold"] = {held(image)};
    auto& heard = attach(unknown(volume, target, access));
    runner.run();
    ASSERT_TRUE(heard.is_ok()) << (heard.error ? heard.error->message : "not told");
    (void)world.take_calls();
  }
};

TEST_F(LateImageTest, IsKnownOnceARungSaysItAndOverACrash) {
  attached_as("local/v", "vm:a", "x:1");
  EXPECT_EQ(image_of("local/v"), ImageId("x:1"));
  crash();
  EXPECT_EQ(image_of("local/v"), ImageId("x:1"));
}

// A later life would take another name of this image for another one.
TEST_F(LateImageTest, NothingIsOpenedBeforeItIsStored) {
  world.script["raise hold"] = {held("x:1")};
  attach(unknown("local/v", "vm:a"));
  runner.run_tasks();
  auto hold = runner.hold_next_job();
  store->failures = 1;
  hold.told(hold.work());
  runner.run_tasks();
  EXPECT_EQ(store->failures, 0);
  ASSERT_EQ(runner.waiting_jobs(), 1U);
  (void)runner.next_job().work();
  ASSERT_TRUE(was_called("raise open of local/v to vm:a"));
  crash();
  EXPECT_EQ(image_of("local/v"), ImageId("x:1"));
}

// The store could not forget it; under the same name it is another image now, which only Hold will say.
TEST_F(LateImageTest, ThatCouldNotBeForgottenIsNotThatOfTheNextAttach) {
  attached_as("local/w", "vm:b", "x:1");
  detach("local/w", "vm:b");
  runner.run_job();
  runner.run_job();
  runner.run_tasks();
  auto last = runner.hold_next_job();
  store->failures = 1;
  last.told(last.work());
  runner.run_tasks();
  ASSERT_EQ(store->failures, 0);
  attached_as("local/v", "vm:a", "x:1");
  world.script["raise hold"] = {no_answer()};
  attach(unknown("local/w", "vm:b"));
  runner.run();
  crash();
  runner.run();
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached) << "a desired state that was told is lost";
}

TEST_F(LateImageTest, IsKnownWhenAProbeFindsTheRungUp) {
  world.script["raise hold"] = {maybe_effect(Code::Unavailable, "no answer")};
  world.findings[rungs::kHold] = {Standing::Up, {{"image.id", "x:1"}}, {}};
  auto& heard = attach(unknown("local/v", "vm:a"));
  runner.pass(std::chrono::seconds(1));
  EXPECT_TRUE(heard.is_ok());
  EXPECT_EQ(image_of("local/v"), ImageId("x:1"));
}

TEST_F(LateImageTest, ThenTheDoorRefusesAnotherVolumeOfIt) {
  attached_as("local/v", "vm:a", "x:1");
  auto other = request("local/w", "vm:b");
  other.image = ImageId("x:1");
  EXPECT_EQ(attach(other).error->message, "attach local/w to vm:b: it is attached already: local/v to vm:a. Detach it there first");
}

// Asked for again, or for another path, without anybody knowing the image at the door.
TEST_F(LateImageTest, StaysKnownWhenACallDoesNotKnowIt) {
  attached_as("local/v", "vm:a", "x:1");
  EXPECT_TRUE(attach(unknown("local/v", "vm:a")).error == std::nullopt);
  runner.run();
  EXPECT_EQ(image_of("local/v"), ImageId("x:1"));
}

TEST_F(LateImageTest, OneVolumeIsExclusiveAlsoBeforeItsImageIsKnown) {
  world.script["raise hold"] = {no_answer(), no_answer()};
  attach(unknown("local/v", "vm:a"));
  runner.run();
  EXPECT_EQ(image_of("local/v"), ImageId{});
  EXPECT_EQ(attach(unknown("local/v", "vm:b")).error->message,
            "attach local/v to vm:b: it is attached already: local/v to vm:a. Detach it there first");
}

// Where the storage itself did not exclude the second (it would have refused the hold).
TEST_F(LateImageTest, ThatTurnsOutToBeAttachedUnderAnotherNameIsLetGoAndRefused) {
  attached_as("local/v", "vm:a", "x:1");
  world.script["raise hold"] = {held("x:1")};
  auto& heard = attach(unknown("local/w", "vm:b"));
  runner.run();
  ASSERT_EQ(heard.code(), Code::FailedPrecondition);
  EXPECT_EQ(heard.error->message,
            "attach local/w to vm:b: hold: its image is attached already, as local/v to vm:a. Detach that first");
  EXPECT_EQ(world.take_calls(), (Calls{"raise hold of local/w to vm:b", "lower hold of local/w to vm:b"}));
  EXPECT_FALSE(is_known("local/w", "vm:b"));
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
}

TEST_F(LateImageTest, ReadersOfOneImageShareItUnderTwoNames) {
  attached_as("local/v", "vm:a", "x:1", Access::ReadOnly);
  attached_as("local/w", "vm:b", "x:1", Access::ReadOnly);
  EXPECT_EQ(state("local/w", "vm:b"), State::Attached);
}

// It was complete once, so its desired state stays: it waits, and nothing of it is raised beside the other.
TEST_F(LateImageTest, ThatBecameAnothersWaitsForThat) {
  attached_as("local/v", "vm:a", "x:1");
  attached_as("local/w", "vm:b", "x:2");
  std::erase_if(world.up, [](const auto& rung) { return rung.first.volume == VolumeId("local/w"); });
  world.script["raise hold"] = {held("x:1")};
  manager->doubt_volume(VolumeId("local/w"));
  runner.run();
  EXPECT_TRUE(was_called("lower hold of local/w to vm:b"));
  EXPECT_FALSE(was_called("raise open of local/w to vm:b"));
  EXPECT_EQ(manager->explain(key("local/w", "vm:b"))->reasons, std::vector<std::string>{"local/v to vm:a still holds the image"});
  (void)world.take_calls();

  detach("local/v", "vm:a");
  world.script["raise hold"] = {held("x:1")};
  runner.run();
  EXPECT_EQ(state("local/w", "vm:b"), State::Attached);
}

// Its image was not known yet when the daemon ended, so its caller never heard that it was attached.
TEST_F(LateImageTest, ThatTurnsOutToBeAttachedAfterARestartIsRefusedToo) {
  attached_as("local/v", "vm:a", "x:1");
  world.script["raise hold"] = {no_answer()};
  attach(unknown("local/w", "vm:b"));
  runner.run();
  world.script["raise hold"] = {held("x:1")};
  crash();
  runner.pass(std::chrono::seconds(5));
  EXPECT_FALSE(was_called("raise open of local/w to vm:b"));
  EXPECT_TRUE(was_called("lower hold of local/w to vm:b"));
  EXPECT_FALSE(is_known("local/w", "vm:b"));
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
}

// It comes down already: nobody is refused for it.
TEST_F(LateImageTest, ThatIsStillOnItsWayDownElsewhereIsWaitedFor) {
  attached_as("local/v", "vm:a", "x:1");
  world.script["lower plug"] = {Waiting{"the guest", {}}};
  detach("local/v", "vm:a");
  runner.run();
  world.script["raise hold"] = {held("x:1"), held("x:1")};
  auto& heard = attach(unknown("local/w", "vm:b"));
  runner.run();
  EXPECT_EQ(heard.times, 0);
  EXPECT_FALSE(was_called("raise open of local/w to vm:b"));
  manager->touch_volume(VolumeId("local/v"));
  runner.run();
  EXPECT_TRUE(heard.is_ok());
}

}  // namespace
}  // namespace blockplug::test
