// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/daemon/backends.h"

#include <algorithm>

#include "attach-detach/check.h"
#include "hotplug/host/mount/hand_over.h"
#include "volume-plugin/daemon/backend_parts.h"
#include "volume-plugin/daemon/rung_plans.h"

namespace blockplug {

std::vector<RungPlan> rung_limits() {
  return {plans::hand_over(nullptr),   plans::reserve(nullptr), plans::connect(nullptr), plans::hold(nullptr),
          plans::open_rbd(nullptr),    plans::own(nullptr),     plans::plug(nullptr),    plans::confirm(nullptr),
          plans::guest_mount(nullptr), plans::map_rbd(nullptr), plans::stage(nullptr),   plans::publish(nullptr)};
}

RungPlan add_hand_over(BackendParts& parts, const SharedParts& shared) {
  const auto& machine = *shared.machine;
  return plans::hand_over(add(parts, std::make_unique<mount::HandOver>(
                                         mount::HandOver::Parts{machine.helper, machine.mount_watch, shared.owner, parts.name})));
}

const BackendKinds& backend_kinds() {
  static const BackendKinds kKinds{local_kind(), rbd_kind(), cinder_kind()};
  return kKinds;
}

BackendMaker maker_of(BackendKinds kinds) {
  return
      [kinds = std::move(kinds)](const Config& config, const std::optional<Machine>& machine) -> Result<std::vector<BackendParts>> {
        SharedParts shared{machine, config.node, config.node + " " + config.state_dir, config.run_dir, config.state_dir};
        shared.configs = config.backends;
        std::vector<BackendParts> all;
        for (const auto& [name, backend] : config.backends) {
          const auto* kind = find_kind(kinds, backend.type);
          CHECK(kind != nullptr);  // the configuration was read with these kinds
          auto parts = kind->make(name, backend, shared);
          if (!parts.ok()) return within("backend " + name, parts.error());
          all.push_back(std::move(*parts));
        }
        return all;
      };
}

const BackendParts* LadderTable::parts_of(const VolumeId& volume) const {
  const auto name = backend_of(volume);
  for (const auto& parts : backends_)
    if (parts.name == name) return &parts;
  return nullptr;
}

const Ladder* LadderTable::find(const AttachmentKey& key) const {
  const auto* parts = parts_of(key.volume);
  if (parts == nullptr) return nullptr;
  const auto ladder = parts->ladders.find(kind_of(key.target));
  return ladder == parts->ladders.end() ? nullptr : &ladder->second;
}

OrderPerformer* LadderTable::performer(const VolumeId& volume) const {
  const auto* parts = parts_of(volume);
  return parts == nullptr ? nullptr : parts->backend.get();
}

std::vector<Rung*> LadderTable::rungs() const {
  std::vector<Rung*> all;
  for (const auto& parts : backends_)
    for (const auto& rung : parts.rungs) all.push_back(rung.get());
  return all;
}

Status LadderTable::storage_answers(const VolumeId& volume) const {
  const auto* parts = parts_of(volume);
  if (parts == nullptr || parts->sources.empty()) return Ok{};
  return parts->sources.front()->answers(volume);
}

std::map<std::string, Backend*> LadderTable::backends() const {
  std::map<std::string, Backend*> all;
  for (const auto& parts : backends_) all[parts.name] = parts.backend.get();
  return all;
}

}  // namespace blockplug
