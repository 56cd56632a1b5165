// SPDX-License-Identifier: Apache-2.0
#include "ceph/map/rbd_map.h"

#include "ceph/arguments.h"
#include "ceph/connection.h"

namespace blockplug::rbd {

Mapper* RbdMap::recorded(const Call& call) const {
  const auto name = fact(call.before, "mapper");
  for (auto* mapper : mappers_)
    if (mapper->name() == name) return mapper;
  return nullptr;
}

Result<Mapper*> RbdMap::choose(const Call& call) {
  if (auto* known = recorded(call)) return known;
  // A crash between mapping and recording: it is finished by whoever began it.
  for (auto* mapper : mappers_) {
    const auto found = mapper->probe(call);
    if (found.standing == Standing::Unknown) return no_effect(Code::Unavailable, std::string(mapper->name()) + ": " + found.why);
    if (found.standing != Standing::Down && found.standing != Standing::Foreign) return mapper;
  }
  auto pool = TRY(open_pool(cluster_, place_));
  const auto header = TRY(read_header(pool, fact(call.below, "hold.id")));
  std::string why;
  for (auto* mapper : allowed_) {
    const auto unfit = mapper->unfit(call, header);
    if (!unfit) return mapper;
    why += (why.empty() ? "" : "; ") + std::string(mapper->name()) + ": " + *unfit;
  }
  return no_effect(Code::FailedPrecondition, "image " + image_name(place_, name_of(call.key.volume)) + " cannot be mapped on this host: " + why);
}

Attempt RbdMap::raise(const Call& call) {
  const auto chosen = choose(call);
  if (!chosen.ok()) return chosen.error();
  return (*chosen)->raise(call);
}

Attempt RbdMap::lower(const Call& call) {
  if (auto* known = recorded(call)) return known->lower(call);
  for (auto* mapper : mappers_)
    if (auto lowered = mapper->lower(call); !std::holds_alternative<Done>(lowered)) return lowered;
  return Done{};
}

Finding RbdMap::probe(const Call& call) {
  if (auto* known = recorded(call)) return known->probe(call);
  std::optional<Finding> down;
  for (auto* mapper : mappers_) {
    auto found = mapper->probe(call);
    if (found.standing != Standing::Down) return found;
    if (!down || down->why.empty()) down = std::move(found);
  }
  return down.value_or(Finding{Standing::Down, {}, {}});
}

std::vector<Found> RbdMap::survey() {
  std::vector<Found> all;
  for (auto* mapper : mappers_)
    for (auto& found : mapper->survey()) all.push_back(std::move(found));
  return all;
}

}  // namespace blockplug::rbd
