// SPDX-License-Identifier: Apache-2.0
#include "ceph/map/rbd_map.h"

#include <algorithm>
#include <iterator>

#include "attach-detach/roles.h"
#include "ceph/ancestors.h"
#include "ceph/arguments.h"
#include "ceph/connection.h"

namespace blockplug::rbd {

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

Survey RbdMap::survey(Time deadline) {
  Survey all;
  for (auto* mapper : mappers_) {
    auto found = mapper->survey(deadline);
    all.is_partial = all.is_partial || found.is_partial;
    std::ranges::move(found, std::back_inserter(all));
  }
  return all;
}

Result<Mapper*> RbdMap::choose(const Call& call) {
  if (auto* known = recorded(call)) return known;
  // After a crash between mapping and recording: the mapper that began finishes it.
  for (auto* mapper : mappers_) {
    const auto found = mapper->probe(call);
    if (found.standing == Standing::Unknown) return no_effect(Code::Unavailable, std::string(mapper->name()) + ": " + found.why);
    if (found.standing != Standing::Down && found.standing != Standing::Foreign) return mapper;
  }
  const auto image = image_ref(call, place_);
  auto pool = TRY(open_pool(cluster_, image));
  const auto header = TRY(read_header(pool, image.id));
  std::string why;
  for (auto* mapper : allowed_) {
    auto unfit = mapper->unfit(call, header);
    const auto most = mapper->most_ancestors();
    if (!unfit && most && TRY(count_ancestors(pool, header.id, *most)) > *most)
      unfit = "it is a clone with more than " + std::to_string(*most) +
              " images below it: set `mapper: fuse` for the backend, or run `rbd flatten " + image_name(image) + "`";
    if (!unfit) return mapper;
    why += (why.empty() ? "" : "; ") + std::string(mapper->name()) + ": " + *unfit;
  }
  return no_effect(Code::FailedPrecondition, "image " + image_name(image) + " cannot be mapped on this host: " + why);
}

Mapper* RbdMap::recorded(const Call& call) const {
  const auto name = fact(call.before, roles::kDeviceMapper);
  for (auto* mapper : mappers_)
    if (mapper->name() == name) return mapper;
  return nullptr;
}

}  // namespace blockplug::rbd
