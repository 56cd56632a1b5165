// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/daemon/backends.h"

#include "volume-plugin/daemon/backend_parts.h"
#include "volume-plugin/daemon/rung_plans.h"

namespace blockplug {

std::vector<RungPlan> rung_limits() {
  return {plans::hold(nullptr),        plans::open_rbd(nullptr), plans::own(nullptr),   plans::plug(nullptr),
          plans::guest_mount(nullptr), plans::map_rbd(nullptr),  plans::stage(nullptr), plans::publish(nullptr)};
}

Result<std::vector<BackendParts>> make_backends(const Config& config, const Machine& machine) {
  Around around{machine, config.node, config.node + " " + config.state_dir, config.run_dir, config.state_dir};
  std::vector<BackendParts> all;
  for (const auto& [name, backend] : config.backends) {
    auto parts = std::visit([&, &name = name](const auto& kind) { return make_parts(name, kind, around); }, backend);
    if (!parts.ok()) return within("backend " + name, parts.error());
    all.push_back(std::move(*parts));
  }
  return all;
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
  const auto& target = key.target.str();
  const auto ladder = parts->ladders.find(target.substr(0, target.find(':')));
  return ladder == parts->ladders.end() ? nullptr : &ladder->second;
}

Acts* LadderTable::acts(const VolumeId& volume) const {
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
