// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include "hotplug/guest/guest_mount.h"
#include "hotplug/host/loop/loop_map.h"
#include "hotplug/host/mount/publish.h"
#include "hotplug/host/mount/stage.h"
#include "hotplug/vm/file_source.h"
#include "hotplug/vm/open.h"
#include "hotplug/vm/plug.h"
#include "hotplug/vm/vm.h"
#include "volume-plugin/daemon/backend_parts.h"
#include "volume-plugin/daemon/config_values.h"
#include "volume-plugin/daemon/rung_plans.h"
#include "volume-plugin/local/directory_watch.h"
#include "volume-plugin/local/hold.h"
#include "volume-plugin/local/local_backend.h"

namespace blockplug {
namespace {

std::optional<pid_t> process_of(const Vms& vms, const TargetId& target) {
  constexpr std::string_view kVm = "vm:";
  if (!target.str().starts_with(kVm)) return std::nullopt;
  const auto vm = vms.find(target.str().substr(kVm.size()));
  if (vm == nullptr) return std::nullopt;
  // Right after a restart the VM is not connected yet: the process book knows the process of the earlier run. Its disks must stay.
  const auto sight = vm->sight();
  if (sight.process) return sight.process->pid;
  return sight.others.empty() ? std::nullopt : std::optional(sight.others.front().pid);
}

// Its socket exists, but the process behind it is not known yet.
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
  const bool is_the_file = there.ok() && *there == FileId{loop.file_device, loop.file_inode};
  if (!is_the_file && !is_deleted) return std::nullopt;  // another directory's file of that name
  return VolumeId(backend + "/" + *name);
}

// Rungs in the order of dependencies: each needs only those made before it.
void add_ladders(BackendParts& parts, local::LocalBackend& backend, const SharedParts& shared) {
  const auto& machine = *shared.machine;
  const auto& name = parts.name;
  parts.sources.push_back(std::make_unique<FileSource>());
  auto* loop_map =
      add(parts, std::make_unique<LoopMap>(LoopMap::Parts{machine.helper, machine.block_events, shared.owner,
                                                          [name, &directory = backend.directory()](const loop::LoopDevice& loop) {
                                                            return volume_of(name, directory, loop);
                                                          }}));
  local::Adoption adoption;
  adoption.vm_process = [&vms = machine.vms](const TargetId& target) { return process_of(vms, target); };
  adoption.is_our_loop = [loop_map](const AttachmentKey& key, const std::string& device) { return loop_map->is_ours(key, device); };
  adoption.is_unseen = [&vms = machine.vms](const TargetId& target) { return is_unseen(vms, target); };
  auto* hold = add(parts, std::make_unique<local::LocalHold>(backend.directory(), adoption));
  auto* open = add(parts, std::make_unique<Open>(machine.vms, *parts.sources.front(), name));
  auto* plug = add(parts, std::make_unique<Plug>(machine.vms, name));
  auto* guest = add(parts, std::make_unique<GuestMount>(machine.vms, machine.guest_mounts, backend));
  auto* stage = add(parts, std::make_unique<mount::Stage>(mount::Stage::Parts{machine.helper, backend, machine.mount_watch,
                                                                              *loop_map, nullptr, shared.staging()}));
  auto* publish = add(parts, std::make_unique<mount::Publish>(
                                 mount::Publish::Parts{machine.helper, machine.mount_watch, *loop_map, shared.staging()}));
  const auto hand_over = add_hand_over(parts, shared);
  parts.ladders["vm"] = {{hand_over, plans::hold(hold), plans::open(open), plans::plug(plug)}, {plans::guest_mount(guest)}};
  parts.ladders["host"] = {{plans::hold(hold), plans::map(loop_map), plans::stage(stage)}, {plans::publish(publish)}, rungs::kMap};
}

Result<BackendParts> make_local(const std::string& name, const BackendConfig& config, const SharedParts& shared) {
  auto backend = TRY(local::LocalBackend::open(name, config.one("path")));
  BackendParts parts;
  parts.name = name;
  if (shared.machine) {
    add_ladders(parts, *backend, shared);
    auto watch = std::make_shared<local::DirectoryWatch>(name, backend->directory(), shared.machine->events);
    TRY(watch->start());
    parts.watches.push_back(std::move(watch));
  }
  parts.backend = std::move(backend);
  return parts;
}

}  // namespace

BackendKind local_kind() {
  return {.type = "local",
          .keys = {{.name = "path", .read = parse_path, .if_missing = "has no path; add path: /a/directory/for/its/volumes"}},
          .directory_key = "path",
          .make = make_local};
}

}  // namespace blockplug
