// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/daemon/backends.h"

#include "hotplug/open.h"
#include "hotplug/plug.h"
#include "hotplug/vm/file_source.h"
#include "hotplug/vm/vm.h"
#include "volume-plugin/local/hold.h"
#include "volume-plugin/local/local_backend.h"

namespace blockplug {
namespace {

using std::chrono::seconds;

RungPlan hold(Rung* rung) { return {RungKind::Hold, rung, false, true, LaneScope::Backend, seconds(45), seconds(45), seconds(10)}; }
RungPlan open(Rung* rung) { return {RungKind::Open, rung, false, false, LaneScope::Target, seconds(10), seconds(30), seconds(5)}; }
RungPlan plug(Rung* rung) { return {RungKind::Plug, rung, false, false, LaneScope::Target, seconds(10), seconds(30), seconds(5)}; }

std::optional<pid_t> process_of(const Vms& vms, const TargetId& target) {
  constexpr std::string_view kVm = "vm:";
  if (!target.str().starts_with(kVm)) return std::nullopt;
  const auto vm = vms.find(target.str().substr(kVm.size()));
  if (vm == nullptr) return std::nullopt;
  // Not connected yet, right after a restart: the process book knows whom an earlier life talked to. Its disks must stay.
  const auto sight = vm->sight();
  if (sight.process) return sight.process->pid;
  return sight.others.empty() ? std::nullopt : std::optional(sight.others.front().pid);
}

Result<BackendParts> make(const std::string& name, const LocalBackendConfig& config, const Vms& vms) {
  auto backend = TRY(local::LocalBackend::open(name, config.path));
  BackendParts parts;
  parts.name = name;
  parts.sources.push_back(std::make_unique<FileSource>());
  parts.rungs.push_back(std::make_unique<local::LocalHold>(
      backend->directory(), local::Adoption{[&vms](const TargetId& target) { return process_of(vms, target); }}));
  parts.rungs.push_back(std::make_unique<Open>(vms, *parts.sources.front(), name));
  parts.rungs.push_back(std::make_unique<Plug>(vms, name));
  parts.ladders["vm"].trunk = {hold(parts.rungs[0].get()), open(parts.rungs[1].get()), plug(parts.rungs[2].get())};
  parts.backend = std::move(backend);
  return parts;
}

}  // namespace

std::vector<RungPlan> rung_limits() { return {hold(nullptr), open(nullptr), plug(nullptr)}; }

Result<std::vector<BackendParts>> make_backends(const Config& config, const Vms& vms) {
  std::vector<BackendParts> all;
  for (const auto& [name, backend] : config.backends) {
    auto parts = std::visit([&, &name = name](const auto& kind) { return make(name, kind, vms); }, backend);
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

std::map<std::string, Backend*> LadderTable::backends() const {
  std::map<std::string, Backend*> all;
  for (const auto& parts : backends_) all[parts.name] = parts.backend.get();
  return all;
}

}  // namespace blockplug
