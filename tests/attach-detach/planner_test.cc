// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/planner.h"

#include <gtest/gtest.h>

#include "tests/attach-detach/paper_world.h"

namespace blockplug::test {
namespace {

struct Row {
  const char* name;
  std::vector<std::string> world;
  const char* step;                // of its first volume; "": none
  const char* reason = "";         // a part of one
  std::optional<int> wake_s = {};  // from now
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class Planner : public testing::TestWithParam<Row> {};

TEST_P(Planner, Decides) {
  const auto decision = plan_world(read_world(GetParam().world));
  EXPECT_EQ(text_of(decision), GetParam().step);
  if (*GetParam().reason != '\0') {
    EXPECT_TRUE(has_reason(decision, GetParam().reason)) << testing::PrintToString(decision.reasons);
  }
  const auto wake = GetParam().wake_s ? std::optional(kNow + std::chrono::seconds(*GetParam().wake_s)) : std::nullopt;
  EXPECT_EQ(decision.wake, wake);
}

const auto kName = [](const testing::TestParamInfo<Row>& row) { return row.param.name; };

// --- up: the lowest rung that is down or stale ---
INSTANTIATE_TEST_SUITE_P(
    Up, Planner,
    testing::Values(
        Row{"FromNothing", {"local/v vm:a attached |"}, "raise hold of local/v to vm:a", "vm:a: hold is down"},
        Row{"TheSecond", {"local/v vm:a attached | hold=up"}, "raise open of local/v to vm:a", "open is down"},
        Row{"TheTop", {"local/v vm:a attached | hold=up open=up"}, "raise plug of local/v to vm:a"},
        Row{"NothingMoreWhenComplete", {"local/v vm:a attached | hold=up open=up plug=up"}, ""},
        Row{"GoesOnWithWhatStoppedHalfWay", {"local/v vm:a attached | hold=up open=raising"}, "raise open of local/v to vm:a"},
        Row{"StopsAtTheHighestWished", {"local/v vm:a attached up-to=open | hold=up open=up"}, ""},
        Row{"RaisesUpToTheHighestWished", {"local/v vm:a attached up-to=open | hold=up"}, "raise open of local/v to vm:a"},
        Row{"WhatFallsWithTheHighestWished", {"rbd/v host attached up-to=map | hold=up map=up"}, "raise own of rbd/v to host"},
        Row{"NothingAboveWhatFallsWithTheHighestWished", {"rbd/v host attached up-to=map | hold=up map=up own=up"}, ""},
        Row{"WhatFallsWithTheHighestWishedNotBeforeIt", {"rbd/v host attached up-to=hold | hold=up"}, ""},
        Row{"TheLowestStaleFirst",
            {"local/v vm:a attached | hold=up open=up~ plug=up~"},
            "raise open of local/v to vm:a",
            "open is not as wished"},
        Row{"AStaleRungBeforeADownOneAbove", {"local/v vm:a attached | hold=up~ open=up"}, "raise hold of local/v to vm:a"},
        Row{"AStaleRungLive", {"local/v vm:a attached | hold=up open=up~ plug=up"}, "raise open of local/v to vm:a"},
        Row{"ALeafOnlyOnACompleteTrunk", {"local/v vm:a attached /p | hold=up open=up"}, "raise plug of local/v to vm:a"},
        Row{"ALeafOnTop", {"local/v vm:a attached /p | hold=up open=up plug=up"}, "raise guest-mount /p of local/v to vm:a"},
        Row{"TheNextLeaf",
            {"local/v vm:a attached /p /q | hold=up open=up plug=up /p=up"},
            "raise guest-mount /q of local/v to vm:a"},
        Row{"AStaleLeaf", {"local/v vm:a attached /p | hold=up open=up plug=up /p=up~"}, "raise guest-mount /p of local/v to vm:a"},
        Row{"TheTrunkBeforeAStaleLeaf",
            {"local/v vm:a attached /p | hold=up~ open=up plug=up /p=up~"},
            "raise hold of local/v to vm:a"},
        Row{"NothingWhereTheLadderIsUnknown",
            {"cinder/v host attached |"},
            "",
            "host: no backend of this daemon has this kind of target"}),
    kName);

// --- down: the highest that is up, leaves first ---
INSTANTIATE_TEST_SUITE_P(
    Down, Planner,
    testing::Values(
        Row{"TheHighest", {"local/v vm:a gone | hold=up open=up plug=up"}, "lower plug of local/v to vm:a", "plug is not wanted"},
        Row{"TheNext", {"local/v vm:a gone | hold=up open=up"}, "lower open of local/v to vm:a"},
        Row{"TheLast", {"local/v vm:a gone | hold=up"}, "lower hold of local/v to vm:a"},
        Row{"NothingWhenAllIsDown", {"local/v vm:a gone | hold=down"}, ""},
        Row{"WhatIsHalfUp", {"local/v vm:a gone | hold=up open=raising"}, "lower open of local/v to vm:a"},
        Row{"WhatIsHalfDown", {"local/v vm:a gone | hold=up open=lowering"}, "lower open of local/v to vm:a"},
        Row{"AboveTheHighestWished",
            {"local/v vm:a attached up-to=open | hold=up open=up plug=up"},
            "lower plug of local/v to vm:a"},
        Row{"LeavesFirst", {"local/v vm:a gone /p | hold=up open=up plug=up /p=up"}, "lower guest-mount /p of local/v to vm:a"},
        Row{"AHalfRaisedLeafFirst",
            {"local/v vm:a gone | hold=up open=up plug=up /p=raising"},
            "lower guest-mount /p of local/v to vm:a"},
        Row{"AnUnwishedLeafAlone",
            {"local/v vm:a attached /p | hold=up open=up plug=up /p=up /q=up"},
            "lower guest-mount /q of local/v to vm:a"},
        Row{"AllOfTheWayBeforeItIsRaisedAgain",
            {"local/v vm:a attached | hold=up open=up plug=lowering"},
            "lower plug of local/v to vm:a",
            "plug is on its way down"},
        Row{"ALeafAllOfTheWayToo",
            {"local/v vm:a attached /p | hold=up open=up plug=up /p=lowering"},
            "lower guest-mount /p of local/v to vm:a"},
        Row{"ALoweringRungBelowWhatIsUp", {"local/v vm:a attached | hold=lowering open=up"}, "lower open of local/v to vm:a"},
        Row{"ForAnotherAccess", {"local/v vm:a attached ro raised=rw | hold=up open=up"}, "lower open of local/v to vm:a"},
        Row{"LeavesForAnotherAccess",
            {"local/v vm:a attached /p ro raised=rw | hold=up open=up plug=up /p=up"},
            "lower guest-mount /p of local/v to vm:a"},
        Row{"RaisesOnceAllIsDownForTheOtherAccess", {"local/v vm:a attached ro | hold=down"}, "raise hold of local/v to vm:a"},
        Row{"UnderNoLeafThatWaits",
            {"local/v vm:a gone | hold=up open=up plug=up /p=lowering@wait"},
            "",
            "guest-mount /p: waiting: the weather"},
        Row{"UnderNoLeafThatIsTriedLater",
            {"local/v vm:a gone | hold=up open=up plug=up /p=up@later4"},
            "",
            "trying again later: no answer",
            4},
        Row{"ByForceALeafThatCannotBeProven",
            {"local/v vm:a gone by-force | hold=up open=up plug=up /p=up!@probe4"},
            "lower guest-mount /p of local/v to vm:a",
            "guest-mount /p is not wanted"},
        Row{"ByForceNoLeafThatWasNotProbed",
            {"local/v vm:a gone by-force | hold=up open=up plug=up /p=up?"},
            "probe guest-mount /p of local/v to vm:a"},
        Row{"ByForceNoTrunkThatCannotBeProven", {"local/v vm:a gone by-force | hold=up open=up plug=up!@probe4"}, "", "cannot be proven", 4},
        Row{"UnderNoLeafThatCannotBeProven",
            {"local/v vm:a gone | hold=up open=up plug=up /p=up!@probe4"},
            "",
            "cannot be proven",
            4},
        Row{"UnderNoLeafWhenOnlyTheTopGoes",
            {"local/v vm:a attached up-to=open | hold=up open=up plug=up /p=up@later4"},
            "",
            "",
            4},
        Row{"UnderNoWishedLeafWhenOnlyTheTopGoes",
            {"local/v vm:a attached up-to=open /p | hold=up open=up plug=up /p=up"},
            "lower guest-mount /p of local/v to vm:a"},
        Row{"AnotherLeafWhileOneWaits",
            {"local/v vm:a gone | hold=up open=up plug=up /p=lowering@wait /q=up"},
            "lower guest-mount /q of local/v to vm:a"}),
    kName);

// --- rungs that fall with the one below ---
INSTANTIATE_TEST_SUITE_P(
    FallsWithBelow, Planner,
    testing::Values(
        Row{"IsRaisedLikeOthers", {"cinder/v vm:a attached | reserve=up"}, "raise connect of cinder/v to vm:a"},
        Row{"IsNeverLowered",
            {"cinder/v vm:a gone | reserve=up connect=up hold=up open=up own=up plug=up confirm=up"},
            "lower plug of cinder/v to vm:a"},
        Row{"IsPassedOnTheWayDown",
            {"cinder/v vm:a gone | reserve=up connect=up hold=up open=up own=up"},
            "lower open of cinder/v to vm:a"},
        Row{"IsPassedHalfWayToo", {"cinder/v vm:a gone | reserve=up connect=raising"}, "lower reserve of cinder/v to vm:a"},
        Row{"IsAHoleWhenDown",
            {"cinder/v vm:a attached | reserve=up connect=down hold=up open=up own=up plug=up"},
            "lower plug of cinder/v to vm:a",
            "which is gone"},
        Row{"IsRaisedAgainOnTopAlone",
            {"cinder/v vm:a attached | reserve=up connect=up hold=up open=up own=up plug=up"},
            "raise confirm of cinder/v to vm:a"}),
    kName);

// --- what is not known ---
INSTANTIATE_TEST_SUITE_P(
    Uncertain, Planner,
    testing::Values(
        Row{"IsProbedBeforeAnythingIsRaised",
            {"local/v vm:a attached | hold=up open=up?"},
            "probe open of local/v to vm:a",
            "open is uncertain"},
        Row{"IsProbedBeforeAnythingIsLowered", {"local/v vm:a gone | hold=up? open=up plug=up"}, "probe hold of local/v to vm:a"},
        Row{"LowestFirst", {"local/v vm:a attached | hold=up? open=up?"}, "probe hold of local/v to vm:a"},
        Row{"TrunkBeforeLeaves", {"local/v vm:a attached /p | hold=up open=up plug=up? /p=up?"}, "probe plug of local/v to vm:a"},
        Row{"LeavesToo", {"local/v vm:a attached /p | hold=up open=up plug=up /p=up?"}, "probe guest-mount /p of local/v to vm:a"},
        Row{"WhatCannotBeProvenStopsTheClimb", {"local/v vm:a attached | hold=up open=up!@probe3"}, "", "open cannot be proven", 3},
        Row{"WhatCannotBeProvenIsAskedAgain", {"local/v vm:a attached | hold=up open=up!@probe0"}, "probe open of local/v to vm:a"},
        Row{"WhatCannotBeProvenStopsTheDescent", {"local/v vm:a gone | hold=up open=up!@probe3 plug=up"}, "", "", 3},
        Row{"OthersAreProbedMeanwhile", {"local/v vm:a gone | hold=up!@probe3 open=up?"}, "probe open of local/v to vm:a"},
        Row{"AnUnprovableLeafStopsNoOtherLeaf",
            {"local/v vm:a attached /p /q | hold=up open=up plug=up /p=up!@probe3"},
            "raise guest-mount /q of local/v to vm:a"},
        Row{"ARecheckComesLast", {"local/v vm:a attached | hold=up* open=up"}, "raise plug of local/v to vm:a"},
        Row{"ARecheckOfWhatIsComplete", {"local/v vm:a attached | hold=up open=up* plug=up"}, "probe open of local/v to vm:a"},
        Row{"ARecheckOfALeaf",
            {"local/v vm:a attached /p | hold=up open=up plug=up /p=up*"},
            "probe guest-mount /p of local/v to vm:a"},
        Row{"ARecheckWhileSomethingWaits", {"local/v vm:a attached | hold=up* open=raising@wait"}, "probe hold of local/v to vm:a"},
        Row{"NothingIsLoweredWhileAnotherTargetIsDue",
            {"local/v vm:a gone | hold=up open=up", "local/v vm:b gone | hold=up!@probe2", "local/v vm:c gone | hold=up?@probe3"},
            "",
            "nothing is lowered before all of this volume was probed",
            2},
        Row{"NothingIsLoweredWhileAnotherVolumeOfTheImageIsDue",
            {"local/v vm:a gone | hold=up", "alias/v vm:b gone | hold=up?"},
            "",
            "nothing is lowered before"},
        Row{"LoweredAlthoughAnotherCannotBeProven",
            {"local/v vm:a gone | hold=up open=up", "local/v vm:b gone | hold=up!@probe2"},
            "lower open of local/v to vm:a",
            "",
            2}),
    kName);

// --- holes ---
INSTANTIATE_TEST_SUITE_P(
    Hole, Planner,
    testing::Values(
        Row{"WhatStandsAboveComesDownFirst",
            {"local/v vm:a attached | hold=up plug=up"},
            "lower plug of local/v to vm:a",
            "what stands on open comes down first, which is gone"},
        Row{"LeavesComeDownFirst",
            {"local/v vm:a attached /p | hold=up open=up /p=up"},
            "lower guest-mount /p of local/v to vm:a",
            "what stands on plug"},
        Row{"ThenTheHoleIsFilled", {"local/v vm:a attached | hold=up"}, "raise open of local/v to vm:a"},
        Row{"AtTheBottom", {"local/v vm:a attached | open=up plug=up"}, "lower plug of local/v to vm:a"},
        Row{"HalfRaisedAboveToo", {"local/v vm:a attached | hold=down open=raising"}, "lower open of local/v to vm:a"},
        Row{"BrokenIsLeftAlone", {"local/v vm:a attached broken | hold=up plug=up@later4"}, "", "broken: the guest has it mounted", 4},
        Row{"BrokenLeafIsLeftAlone",
            {"local/v vm:a attached /p broken | hold=up open=up /p=up@later4"},
            "",
            "broken: the guest has it mounted",
            4},
        Row{"BrokenIsLookedAtAgain", {"local/v vm:a attached broken | hold=up plug=up"}, "lower plug of local/v to vm:a", "what stands on open"},
        Row{"BrokenIsOverWhenUnwished", {"local/v vm:a gone broken | hold=up plug=up"}, "lower plug of local/v to vm:a"}),
    kName);

// --- one writer per image ---
INSTANTIATE_TEST_SUITE_P(
    Exclusive, Planner,
    testing::Values(
        Row{"WhatGoesBeforeWhatComes",
            {"local/v vm:a attached |", "local/v vm:b gone | hold=up open=up"},
            "lower open of local/v to vm:b",
            "local/v to vm:b still holds the image"},
        Row{"NotWhileTheOtherIsHalfDown",
            {"local/v vm:a attached |", "local/v vm:b gone | hold=lowering@wait"},
            "",
            "local/v to vm:b still holds the image"},
        Row{"NotWhileTheOtherIsUncertain",
            {"local/v vm:a attached |", "local/v vm:b gone | hold=up!@probe2"},
            "",
            "still holds",
            2},
        Row{"OnceTheOtherIsDown", {"local/v vm:a attached |", "local/v vm:b gone | hold=down"}, "raise hold of local/v to vm:a"},
        Row{"UnderAnotherName",
            {"local/v vm:a attached |", "alias/v vm:b gone | hold=up@later9"},
            "",
            "alias/v to vm:b still holds the image"},
        Row{"UnderAnotherNameAndTheSameTarget",
            {"local/v vm:a attached |", "alias/v vm:a attached | hold=up"},
            "",
            "alias/v to vm:a still holds the image"},
        Row{"OnlyTheExcludingRungWaits",
            {"local/v vm:a attached | hold=up", "local/v vm:b gone | hold=lowering@wait"},
            "raise open of local/v to vm:a"},
        Row{"AStaleHoldIsRefreshedAllTheSame",
            {"local/v vm:a attached | hold=up~", "local/v vm:b gone | hold=lowering@wait"},
            "raise hold of local/v to vm:a"},
        Row{"EveryExcludingRung",
            {"cinder/v vm:a attached | reserve=up connect=up", "cinder/v vm:b gone | reserve=lowering@wait"},
            "",
            "still holds"},
        Row{"ReadersShare",
            {"local/v vm:a attached ro |", "local/v vm:b attached ro raised=ro | hold=up open=up plug=up"},
            "raise hold of local/v to vm:a"},
        Row{"AReaderWaitsForTheWriter",
            {"local/v vm:a attached ro |", "local/v vm:b gone raised=rw | hold=up@later3"},
            "",
            "still holds",
            3},
        Row{"AWriterWaitsForTheReader",
            {"local/v vm:a attached |", "local/v vm:b gone ro raised=ro | hold=up@later3"},
            "",
            "still holds",
            3},
        Row{"AReaderWaitsForWhatWasRaisedToWrite",
            {"local/v vm:a attached ro |", "local/v vm:b attached ro raised=rw | hold=up@later3"},
            "",
            "still holds",
            3},
        Row{"MultiAttachShares",
            {"local/v vm:a attached shared |", "local/v vm:b attached shared | hold=up open=up plug=up"},
            "raise hold of local/v to vm:a"},
        Row{"MultiAttachOfOneIsNoSharing",
            {"local/v vm:a attached shared |", "local/v vm:b gone | hold=up@later3"},
            "",
            "still holds",
            3},
        Row{"AGoneTargetIsLoweredWhileAnotherClimbs",
            {"local/v vm:a attached shared | hold=up", "local/v vm:b gone shared | hold=up"},
            "lower hold of local/v to vm:b"}),
    kName);

// --- when again ---
INSTANTIATE_TEST_SUITE_P(
    When, Planner,
    testing::Values(
        Row{"AWaitWithoutATimeWaitsForATouch", {"local/v vm:a attached | hold=raising@wait"}, "", "hold: waiting: the weather"},
        Row{"AWaitWithATimeWakes", {"local/v vm:a attached | hold=raising@wait5"}, "", "hold: waiting: the weather", 5},
        Row{"AWaitThatIsOver", {"local/v vm:a attached | hold=raising@wait0"}, "raise hold of local/v to vm:a"},
        Row{"ABackoffWakes", {"local/v vm:a attached | hold=up open=down@later7"}, "", "open: trying again later: no answer", 7},
        Row{"ABackoffThatIsOver", {"local/v vm:a attached | hold=up open=down@later0"}, "raise open of local/v to vm:a"},
        Row{"TheEarliestOfMany",
            {"local/v vm:a gone | hold=up@later7", "local/v vm:b gone | hold=lowering@wait3", "local/v vm:c gone | hold=up@later5"},
            "",
            "",
            3},
        Row{"ALeafThatIsTriedLaterStopsNoOther",
            {"local/v vm:a attached /p /q | hold=up open=up plug=up /p=down@later2"},
            "raise guest-mount /q of local/v to vm:a"},
        Row{"AllLeavesLater", {"local/v vm:a attached /p /q | hold=up open=up plug=up /p=down@later4 /q=raising@wait3"}, "", "", 3},
        Row{"AnUnwishedLeafThatIsTriedLaterStopsNoClimb",
            {"local/v vm:a attached /p | hold=up open=up plug=up /q=up@later2"},
            "raise guest-mount /p of local/v to vm:a"}),
    kName);

}  // namespace
}  // namespace blockplug::test
