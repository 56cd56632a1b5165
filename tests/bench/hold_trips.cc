// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/hold_trips.h"

#include "hotplug/host/process/process.h"
#include "hotplug/rungs.h"

namespace blockplug::bench {
namespace {

Status check(const Attempt& attempt) {
  if (const auto* error = std::get_if<Error>(&attempt)) return *error;
  if (const auto* waiting = std::get_if<Waiting>(&attempt))
    return maybe_effect(Code::Unavailable, "the bare hold had to wait, which would be measured: " + waiting->for_what);
  return Ok{};
}

}  // namespace

Result<std::unique_ptr<HoldTrips>> HoldTrips::make(const CephLab& lab, const std::string& directory, AttachmentKey key) {
  std::unique_ptr<HoldTrips> trips(new HoldTrips(lab, std::move(key)));
  trips->source_ = TRY(rbd::RbdSource::make({trips->cluster_, lab.place(), kNode, directory}));
  return trips;
}

Call HoldTrips::call(RungKind kind) {
  const bool is_hold = kind == rungs::kHold;
  return {.key = key_,
          .rung = {kind, {}},
          .spec = spec_,
          .below = is_hold ? nothing_ : below_,
          .before = is_hold ? held_ : nothing_,
          .deadline = Clock::now() + std::chrono::seconds(30),
          .stop = {},
          .operation = "bench",
          .journal = memory_};
}

Status HoldTrips::take() {
  held_.clear();
  const auto taken = hold_.raise(call(rungs::kHold));
  TRY(check(taken));
  held_ = std::get<Done>(taken).facts;
  below_.clear();
  for (const auto& [name, value] : held_) below_[name] = value;
  return Ok{};
}

Status HoldTrips::give_back() { return check(hold_.lower(call(rungs::kHold))); }

Result<NodeRecipe> HoldTrips::recipe() {
  TRY(take());
  auto recipe = source_->recipe(call(rungs::kOpen));
  TRY(give_back());
  return recipe;
}

Status HoldTrips::before_attach(HoldTimes& times) {
  TRY(time([&] { return take(); }, times.take));
  const auto announce = [&]() -> Status {
    TRY(source_->announce(call(rungs::kOpen)));
    return Ok{};
  };
  TRY(time(announce, times.announce));
  const auto look_up = [&]() -> Status {
    TRY(cluster_.monitors());
    TRY(cluster_.key());
    return Ok{};
  };
  return time(look_up, times.look_up);
}

Status HoldTrips::after_attach(HoldTimes& times, std::optional<pid_t> process) {
  Facts facts;
  if (const auto identity = process ? identify_process(*process) : std::nullopt) put_facts(*identity, facts);
  for (const auto& [name, value] : facts) below_[name] = value;
  return time([&] { return check(own_.raise(call(rungs::kOwn))); }, times.own);
}

Status HoldTrips::before_detach(HoldTimes& times) {
  return time([&] { return source_->answers(key_.volume); }, times.answers);
}

Status HoldTrips::after_detach(HoldTimes& times) {
  return time([&] { return give_back(); }, times.give_back);
}

}  // namespace blockplug::bench
