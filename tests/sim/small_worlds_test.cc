// SPDX-License-Identifier: Apache-2.0
// Every small world, brought to its goal by the planner and an ideal executor: whatever is planned succeeds. The truth is kept
// beside the belief, and every step is held to the rules.
#include <gtest/gtest.h>

#include <functional>
#include <tuple>

#include "tests/attach-detach/paper_world.h"
#include "tests/attach-detach/rungs.h"

namespace blockplug::test {
namespace {

enum class Truth : std::uint8_t { Down, Half, Up, Stale };

struct State {  // of one rung at the start
  RungState state;
  bool is_stale, is_due;
  Truth truth;
};

constexpr State kDown{RungState::Down, false, false, Truth::Down}, kRaising{RungState::Raising, false, false, Truth::Half},
    kUp{RungState::Up, false, false, Truth::Up}, kStale{RungState::Up, true, false, Truth::Stale},
    kLowering{RungState::Lowering, false, false, Truth::Half};

State due(State state, Truth truth) { return {state.state, false, true, truth}; }

const std::vector<State> kKnownStates{kDown, kRaising, kUp, kStale, kLowering};
// Each known or due, and then found as believed.
const std::vector<State> kTenStates{kDown,
                                    kRaising,
                                    kUp,
                                    kStale,
                                    kLowering,
                                    due(kDown, Truth::Down),
                                    due(kRaising, Truth::Half),
                                    due(kUp, Truth::Up),
                                    due(kUp, Truth::Stale),
                                    due(kLowering, Truth::Half)};
// Due, and then found in every way.
const std::vector<State> kAllStates = [] {
  auto states = kKnownStates;
  for (const auto& state : {kDown, kRaising, kUp, kLowering})
    for (const auto truth : {Truth::Down, Truth::Half, Truth::Up, Truth::Stale}) states.push_back(due(state, truth));
  return states;
}();

Ladder ladder_of(std::initializer_list<RungKind> trunk) {
  Ladder ladder;
  for (const auto& kind : trunk) ladder.trunk.push_back(paper_plan(kind));
  ladder.leaves.push_back(paper_plan(rungs::kPublish));
  return ladder;
}

// As if none were a record elsewhere.
Ladder all_of_the_disk(Ladder ladder) {
  for (auto& plan : ladder.trunk) plan.is_bookkeeping = false;
  return ladder;
}

struct OneLadder : Ladders {
  explicit OneLadder(Ladder all) : ladder(std::move(all)) {}
  const Ladder* find(const AttachmentKey&) const override { return &ladder; }
  OrderPerformer* performer(const VolumeId&) const override { return nullptr; }
  std::vector<Rung*> rungs() const override { return {}; }
  Ladder ladder;
};

class SmallWorld {
 public:
  explicit SmallWorld(const OneLadder& ladders) : ladders_(ladders) { volume_.id = VolumeId("local/v"); }

  Attachment& add(const char* target) {
    auto& attachment = volume_.attachments[TargetId(target)];
    attachment.key = {volume_.id, TargetId(target)};
    return attachment;
  }

  void set(Attachment& attachment, const RungId& id, const State& state) {
    begun_.emplace_back(attachment.key, id, state);
    if (state.state == RungState::Down && !state.is_due) return;
    auto& record = attachment.rungs[id];
    record.state = state.state;
    record.is_stale = state.is_stale;
    record.belief = state.is_due ? Belief::Unverified : Belief::Known;
    truth_[{attachment.key, id}] = state.truth;
  }

  // Empty: reached, by the rules.
  std::string run(int most_steps) {
    for (int steps = 0; steps <= most_steps; ++steps) {
      const auto decision = plan(volume_, {}, ladders_, kNow);
      if (!decision.step) return end_fault();
      taken_.push_back(*decision.step);
      if (const auto fault = take(*decision.step); !fault.empty()) return fault + story();
    }
    return "S6: too many steps" + story();
  }

 private:
  Truth& truth(const AttachmentKey& key, const RungId& id) { return truth_[{key, id}]; }

  std::string take(const Step& step) {
    auto& attachment = volume_.attachments.at(step.key.target);
    switch (step.kind) {
      case Step::Kind::Probe: return probe(attachment, step.rung);
      case Step::Kind::Raise: return raise(attachment, step.rung);
      case Step::Kind::Lower:
        if (step.lower_reason == LowerReason::GapBelow && !has_gap_below(attachment, step.rung))
          return "S11: lowered without a gap";
        return lower(attachment, step.rung);
      case Step::Kind::Perform: break;
    }
    return "no order was given";
  }

  // Is something of the disk, below this rung, not there, or on its way down?
  bool has_gap_below(const Attachment& attachment, const RungId& id) const {
    for (const auto& plan : ladders_.ladder.trunk) {
      if (id.leaf.empty() && plan.kind == id.kind) return false;
      if (!plan.is_bookkeeping && attachment.rung({plan.kind, {}}).state != RungState::Up) return true;
    }
    return false;
  }

  std::string probe(Attachment& attachment, const RungId& id) {
    auto& record = attachment.rungs[id];
    if (record.belief != Belief::Unverified) return "probed what was known";
    record.belief = Belief::Known;
    const auto there = truth(attachment.key, id);
    if (there == Truth::Down) {
      const bool is_hole = record.state == RungState::Up && id.leaf.empty();
      gone(attachment, id);
      for (const auto& plan : ladders_.ladder.trunk) {
        if (!is_hole || plan.kind == id.kind) break;
        if (auto& below = attachment.rungs[{plan.kind, {}}]; below.state != RungState::Down) below.belief = Belief::Unverified;
      }
      return {};
    }
    record.is_stale = there == Truth::Stale;
    if (record.state != RungState::Lowering) record.state = there == Truth::Half ? RungState::Raising : RungState::Up;
    return {};
  }

  std::string raise(Attachment& attachment, const RungId& id) {
    for (const auto& plan : ladders_.ladder.trunk) {
      if (id.leaf.empty() && plan.kind == id.kind) {
        for (const auto& [target, other] : volume_.attachments)
          if (plan.excludes && &other != &attachment && attachment.rung(id).state != RungState::Up && is_anything_of(other) &&
              !may_share(other, attachment.desired))
            return "S1: raised while " + target.str() + " is there";
        break;
      }
      const auto below = truth(attachment.key, {plan.kind, {}});
      const bool is_refresh = attachment.rung(id).state == RungState::Up;  // waits for no record elsewhere
      if (below != Truth::Up && !(is_refresh && plan.is_bookkeeping)) return "S2: raised on a hole";
    }
    attachment.rungs[id] = RungRecord{};
    attachment.rungs[id].state = RungState::Up;
    truth(attachment.key, id) = Truth::Up;
    return {};
  }

  std::string lower(Attachment& attachment, const RungId& id) {
    for (const auto& [target, other] : volume_.attachments)
      for (const auto& [rung, record] : other.rungs)
        if (record.belief == Belief::Unverified && !is_bookkeeping(ladders_.ladder, rung))
          return "S5: lowered before all was probed";
    bool is_above = false;
    for (const auto& plan : ladders_.ladder.trunk) {
      if (id.leaf.empty() && is_above && !plan.falls_with_below && truth(attachment.key, {plan.kind, {}}) != Truth::Down)
        return "S2: lowered under what is up";
      if (plan.kind == id.kind && plan.falls_with_below) return "lowered what falls with the rung below";
      is_above = is_above || plan.kind == id.kind;
    }
    for (const auto& [where, there] : truth_)
      if (id.leaf.empty() && where.first == attachment.key && !where.second.leaf.empty() && there != Truth::Down)
        return "S2: lowered under a leaf";
    gone(attachment, id);
    return {};
  }

  void gone(Attachment& attachment, const RungId& id) {
    attachment.rungs[id] = RungRecord{};
    truth(attachment.key, id) = Truth::Down;
    bool is_above = false;
    for (const auto& plan : ladders_.ladder.trunk) {
      if (is_above && !plan.falls_with_below) return;
      if (is_above) gone_alone(attachment, {plan.kind, {}});
      is_above = is_above || (id.leaf.empty() && plan.kind == id.kind);
    }
  }

  void gone_alone(Attachment& attachment, const RungId& id) {
    attachment.rungs[id] = RungRecord{};
    truth(attachment.key, id) = Truth::Down;
  }

  bool is_anything_of(const Attachment& attachment) const {
    for (const auto& [where, there] : truth_)
      if (where.first == attachment.key && there != Truth::Down) return true;
    return false;
  }

  std::string story() const {
    std::string text = "; begun with";
    for (const auto& [key, id, state] : begun_)
      text += "\n  " + to_text(id) + " of " + to_text(key) + ": " + to_text(state.state) + (state.is_stale ? ", stale" : "") +
              (state.is_due ? ", due" : "") + ", really " + std::to_string(static_cast<int>(state.truth));
    for (const auto& step : taken_) text += "\n  " + to_text(step);
    return text;
  }

  std::string end_fault() {
    for (const auto& [target, attachment] : volume_.attachments) {
      const bool is_right = attachment.desired.attached ? is_complete(attachment, ladders_.ladder) : is_all_down(attachment);
      if (!is_right) return target.str() + " did not come to its goal" + story();
      for (const auto& plan : ladders_.ladder.trunk)
        if (attachment.desired.attached != (truth(attachment.key, {plan.kind, {}}) == Truth::Up))
          return "the world is not as believed" + story();
      for (const auto& [id, record] : attachment.rungs)
        if (!id.leaf.empty() &&
            (record.state == RungState::Up) != (attachment.desired.attached && attachment.desired.leaves.contains(id)))
          return to_text(id) + " is not as desired" + story();
    }
    return {};
  }

  const OneLadder& ladders_;
  Volume volume_;
  std::map<std::pair<AttachmentKey, RungId>, Truth> truth_;
  std::vector<std::tuple<AttachmentKey, RungId, State>> begun_;
  std::vector<Step> taken_;
};

// TSan has nothing to find here and is slow: it tries every 37th world, the other builds try all.
#ifdef __SANITIZE_THREAD__
constexpr std::size_t kStride = 37;
#else
constexpr std::size_t kStride = 1;
#endif

// Every way to choose one state for each of `count` rungs.
void for_each_choice(const std::vector<State>& states, std::size_t count,
                     const std::function<void(const std::vector<State>&)>& visit) {
  std::vector<std::size_t> at(count);
  std::vector<State> chosen(count, states.front());
  for (std::size_t number = 0;; ++number) {
    for (std::size_t index = 0; index < count; ++index) chosen[index] = states[at[index]];
    if (number % kStride == 0) visit(chosen);
    std::size_t digit = 0;
    while (digit < count && ++at[digit] == states.size()) at[digit++] = 0;
    if (digit == count) return;
  }
}

// What falls with the rung below is not up where that one is known to be down: the executor never believes it.
bool may_be(const Ladder& ladder, const std::vector<State>& states) {
  for (std::size_t index = 1; index < ladder.trunk.size(); ++index)
    if (ladder.trunk[index].falls_with_below && states[index - 1].truth == Truth::Down && states[index].truth != Truth::Down)
      return false;
  return true;
}

std::size_t bring_home(const OneLadder& ladders, const std::vector<State>& kinds, int most_steps) {
  std::size_t worlds = 0;
  for (const bool is_desired : {false, true})
    for_each_choice(kinds, ladders.ladder.trunk.size(), [&](const std::vector<State>& states) {
      if (testing::Test::HasFailure() || !may_be(ladders.ladder, states)) return;
      ++worlds;
      SmallWorld world(ladders);
      auto& attachment = world.add("vm:a");
      attachment.desired.attached = is_desired;
      for (std::size_t index = 0; index < states.size(); ++index)
        world.set(attachment, {ladders.ladder.trunk[index].kind, {}}, states[index]);
      EXPECT_EQ(world.run(most_steps), "") << (is_desired ? "to be attached" : "to go");
    });
  return worlds;
}

TEST(SmallWorlds, OfFiveRungsComeHome) {
  const OneLadder ladders(all_of_the_disk(ladder_of({rungs::kReserve, rungs::kHold, rungs::kMap, rungs::kOpen, rungs::kPlug})));
  EXPECT_GE(bring_home(ladders, kTenStates, 25), 200'000 / kStride);
}

TEST(SmallWorlds, OfFiveRungsWhereTwoFallComeHome) {
  const OneLadder ladders(all_of_the_disk(ladder_of({rungs::kReserve, rungs::kConnect, rungs::kOpen, rungs::kOwn, rungs::kPlug})));
  EXPECT_GT(bring_home(ladders, kTenStates, 25), 100'000 / kStride);
}

// S11 is looked after at every step.
TEST(SmallWorlds, WithRecordsElsewhereComeHome) {
  const OneLadder ladders(ladder_of({rungs::kReserve, rungs::kConnect, rungs::kHold, rungs::kOpen, rungs::kConfirm}));
  EXPECT_GT(bring_home(ladders, kTenStates, 30), 100'000 / kStride);
  const OneLadder found(ladder_of({rungs::kReserve, rungs::kOpen, rungs::kConfirm}));
  EXPECT_GT(bring_home(found, kAllStates, 20), 10'000 / kStride);
}

TEST(SmallWorlds, FoundInEveryWayComeHome) {
  const OneLadder ladders(ladder_of({rungs::kHold, rungs::kOpen, rungs::kPlug}));
  EXPECT_GE(bring_home(ladders, kAllStates, 20), 2 * 21 * 21 * 21 / kStride);
  const OneLadder falling(ladder_of({rungs::kHold, rungs::kOpen, rungs::kOwn}));
  EXPECT_GT(bring_home(falling, kAllStates, 20), 10'000 / kStride);
}

// Half-way down, or under another access: all of it comes down, and goes up again.
TEST(SmallWorlds, RaisedForAnotherAccessComeHome) {
  const OneLadder ladders(ladder_of({rungs::kHold, rungs::kOpen, rungs::kPlug}));
  for_each_choice(kAllStates, 3, [&](const std::vector<State>& states) {
    if (testing::Test::HasFailure()) return;
    SmallWorld world(ladders);
    auto& attachment = world.add("vm:a");
    attachment.desired.attached = true;
    for (std::size_t index = 0; index < states.size(); ++index)
      world.set(attachment, {ladders.ladder.trunk[index].kind, {}}, states[index]);
    attachment.raised_as = Access::ReadWrite;
    EXPECT_EQ(world.run(20), "");
  });
}

TEST(SmallWorlds, OfTwoAttachmentsComeHome) {
  const OneLadder ladders(ladder_of({rungs::kHold, rungs::kOpen, rungs::kPlug}));
  const std::vector<State> kinds{kDown, kRaising, kUp, kStale, kLowering, due(kUp, Truth::Down)};
  for (const auto& [is_a_desired, is_b_desired, may_share] : {std::tuple(false, false, false), std::tuple(true, false, false),
                                                              std::tuple(true, false, true), std::tuple(true, true, true)})
    for_each_choice(kinds, 6, [&, a = is_a_desired, b = is_b_desired, share = may_share](const std::vector<State>& states) {
      if (testing::Test::HasFailure()) return;
      SmallWorld world(ladders);
      for (const auto& [target, is_desired, first] : {std::tuple("vm:a", a, 0U), std::tuple("vm:b", b, 3U)}) {
        auto& attachment = world.add(target);
        attachment.desired.attached = is_desired;
        attachment.desired.may_share = share;
        for (std::size_t index = 0; index < 3; ++index)
          world.set(attachment, {ladders.ladder.trunk[index].kind, {}}, states[first + index]);
      }
      EXPECT_EQ(world.run(30), "") << a << b << share;
    });
}

TEST(SmallWorlds, WithTwoLeavesComeHome) {
  const OneLadder ladders(ladder_of({rungs::kHold, rungs::kMap}));
  const RungId p{rungs::kPublish, "/p"}, q{rungs::kPublish, "/q"};
  for (const bool is_desired : {false, true})
    for (const auto& leaves : {std::vector<RungId>{}, {p}, {p, q}})
      for_each_choice(kTenStates, 4, [&](const std::vector<State>& states) {
        if (testing::Test::HasFailure()) return;
        SmallWorld world(ladders);
        auto& attachment = world.add("host");
        attachment.desired.attached = is_desired;
        for (const auto& leaf : leaves) attachment.desired.leaves[leaf] = {};
        for (std::size_t index = 0; index < 2; ++index)
          world.set(attachment, {ladders.ladder.trunk[index].kind, {}}, states[index]);
        world.set(attachment, p, states[2]);
        world.set(attachment, q, states[3]);
        EXPECT_EQ(world.run(20), "") << is_desired << leaves.size();
      });
}

}  // namespace
}  // namespace blockplug::test
