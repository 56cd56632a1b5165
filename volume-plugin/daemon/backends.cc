// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/daemon/backends.h"

#include <filesystem>

#include "hotplug/guest/guest_mount.h"
#include "hotplug/loop/loop_map.h"
#include "hotplug/open.h"
#include "hotplug/plug.h"
#include "hotplug/vm/file_source.h"
#include "hotplug/vm/vm.h"
#include "volume-plugin/local/directory_watch.h"
#include "volume-plugin/local/hold.h"
#include "volume-plugin/local/local_backend.h"
#include "volume-plugin/mount/publish.h"
#include "volume-plugin/mount/stage.h"

namespace blockplug {
namespace {

using std::chrono::seconds;

// The limits of a rung: what is not done by then is probed, or (in a helper) left behind and waited for.
struct Limits {
  seconds raise, lower, probe;
};

RungPlan plan(RungKind kind, Rung* rung, LaneScope lane, const Limits& limits) {
  return {kind, rung, false, kind == RungKind::Hold, lane, limits.raise, limits.lower, limits.probe};
}

RungPlan hold(Rung* rung) { return plan(RungKind::Hold, rung, LaneScope::Backend, {seconds(45), seconds(45), seconds(10)}); }
RungPlan open(Rung* rung) { return plan(RungKind::Open, rung, LaneScope::Target, {seconds(10), seconds(30), seconds(5)}); }
RungPlan plug(Rung* rung) { return plan(RungKind::Plug, rung, LaneScope::Target, {seconds(10), seconds(30), seconds(5)}); }
RungPlan guest_mount(Rung* rung) {
  return plan(RungKind::GuestMount, rung, LaneScope::Guest, {seconds(120), seconds(30), seconds(10)});
}
RungPlan map(Rung* rung) { return plan(RungKind::Map, rung, LaneScope::Volume, {seconds(30), seconds(30), seconds(5)}); }
RungPlan stage(Rung* rung) { return plan(RungKind::Stage, rung, LaneScope::Volume, {seconds(120), seconds(30), seconds(5)}); }
RungPlan publish(Rung* rung) { return plan(RungKind::Publish, rung, LaneScope::Volume, {seconds(30), seconds(30), seconds(5)}); }

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

// Its socket is there, and nobody has asked yet which process is behind it.
bool is_unseen(const Vms& vms, const TargetId& target) {
  constexpr std::string_view kVm = "vm:";
  if (!target.str().starts_with(kVm)) return false;
  const auto id = target.str().substr(kVm.size());
  const auto vm = vms.find(id);
  return vms.has_socket(id) && (vm == nullptr || !vm->sight().process);
}

std::optional<VolumeId> volume_of(const std::string& backend, const local::VolumeDirectory& directory,
                                  const loop::LoopDevice& loop) {
  auto file = std::filesystem::path(loop.file).filename().native();
  constexpr std::string_view kDeleted = " (deleted)";
  const bool is_deleted = file.ends_with(kDeleted);
  if (is_deleted) file.resize(file.size() - kDeleted.size());
  const auto name = local::VolumeDirectory::volume_of(file);
  if (!name) return std::nullopt;
  const auto there = directory.id_by_path(*name);
  const bool is_the_file = there.ok() && *there == local::FileId{loop.file_device, loop.file_inode};
  if (!is_the_file && !is_deleted) return std::nullopt;  // another directory's file of that name
  return VolumeId(backend + "/" + *name);
}

// Rungs in the order in which they are made: what a later one needs, an earlier one is.
Result<BackendParts> make(const std::string& name, const LocalBackendConfig& config, const std::string& owner,
                          const std::string& staging, const Machine& machine) {
  auto backend = TRY(local::LocalBackend::open(name, config.path));
  BackendParts parts;
  parts.name = name;
  const auto add = [&parts](auto rung) {
    auto* added = rung.get();
    parts.rungs.push_back(std::move(rung));
    return added;
  };
  parts.sources.push_back(std::make_unique<FileSource>());
  auto* loop_map = add(std::make_unique<LoopMap>(LoopMap::Parts{
      machine.helper, machine.block_events, owner,
      [name, &directory = backend->directory()](const loop::LoopDevice& loop) { return volume_of(name, directory, loop); }}));
  local::Adoption adoption;
  adoption.vm_process = [&vms = machine.vms](const TargetId& target) { return process_of(vms, target); };
  adoption.is_our_loop = [loop_map](const AttachmentKey& key, const std::string& device) { return loop_map->is_ours(key, device); };
  adoption.is_unseen = [&vms = machine.vms](const TargetId& target) { return is_unseen(vms, target); };
  auto* local_hold = add(std::make_unique<local::LocalHold>(backend->directory(), adoption));
  auto* open_rung = add(std::make_unique<Open>(machine.vms, *parts.sources.front(), name));
  auto* plug_rung = add(std::make_unique<Plug>(machine.vms, name));
  auto* guest = add(std::make_unique<GuestMount>(machine.vms, *backend));
  auto* stage_rung =
      add(std::make_unique<mount::Stage>(mount::Stage::Parts{machine.helper, *backend, machine.mount_watch, *loop_map, staging}));
  auto* publish_rung =
      add(std::make_unique<mount::Publish>(mount::Publish::Parts{machine.helper, machine.mount_watch, *loop_map, staging}));
  parts.ladders["vm"] = {{hold(local_hold), open(open_rung), plug(plug_rung)}, {guest_mount(guest)}};
  parts.ladders["host"] = {{hold(local_hold), map(loop_map), stage(stage_rung)}, {publish(publish_rung)}};
  auto watch = std::make_shared<local::DirectoryWatch>(name, backend->directory(), machine.events);
  TRY(watch->start());
  parts.backend = std::move(backend);
  parts.watches.push_back(std::move(watch));
  return parts;
}

}  // namespace

std::vector<RungPlan> rung_limits() {
  return {hold(nullptr), open(nullptr), plug(nullptr), guest_mount(nullptr), map(nullptr), stage(nullptr), publish(nullptr)};
}

Result<std::vector<BackendParts>> make_backends(const Config& config, const Machine& machine) {
  // Whose a mark is: two daemons of one name on one host (a test's, say) are still two.
  const auto owner = config.node + " " + config.state_dir;
  std::vector<BackendParts> all;
  for (const auto& [name, backend] : config.backends) {
    auto parts = std::visit(
        [&, &name = name](const auto& kind) { return make(name, kind, owner, config.run_dir + "/stage", machine); }, backend);
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
