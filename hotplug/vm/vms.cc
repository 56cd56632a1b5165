// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/vms.h"

#include <sys/stat.h>

#include "hotplug/vm/watch.h"

namespace blockplug {
namespace {
std::string state_of(const Vm::Sight& sight) {
  if (!sight.is_connected) return sight.why == "connecting" ? "connecting" : "silent";
  if (sight.is_stalled) return "silent";
  if (!sight.inventory) return "connecting";
  if (sight.inventory->is_migrating) return "migrating";
  return sight.run_state;
}

std::string why_of(const Vm::Sight& sight) {
  if (sight.is_stalled) return "QEMU has not answered its last command yet";
  std::string why = sight.is_connected || sight.why == "connecting" ? std::string{} : sight.why;
  for (const auto& process : sight.others)
    why += (why.empty() ? "" : "; ") + std::string("its earlier process ") + std::to_string(process.pid) + " is still alive";
  return why;
}

VmState describe(const Vm& vm) {
  const Vm::Sight sight = vm.sight();
  VmState state{
      .id = vm.id(), .socket = vm.socket(), .state = state_of(sight), .process = sight.process, .bus = {}, .why = why_of(sight)};
  if (!sight.inventory) return state;
  state.bus = sight.inventory->layout.scsi ? "scsi" : "virtio-blk";
  state.disks = static_cast<int>(sight.inventory->disks.size());
  state.free_slots = sight.inventory->free_slots();
  return state;
}
}  // namespace

bool Vms::Watch::has_socket(const std::string& id) const {
  if (!is_vm_id(id) || !pattern_) return false;
  struct stat found {};
  if (::stat(pattern_->path_of(id).c_str(), &found) == 0 && S_ISSOCK(found.st_mode)) return true;
  const auto vm = find(id);
  return vm && vm->sight().is_connected;
}

std::shared_ptr<Vm> Vms::Watch::find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : found->second.vm;
}

std::vector<std::shared_ptr<Vm>> Vms::Watch::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Vm>> vms;
  for (const auto& [id, entry] : entries_) vms.push_back(entry.vm);
  return vms;
}

std::vector<VmState> Vms::Watch::list() const {
  std::vector<VmState> states;
  for (const auto& vm : all()) states.push_back(describe(*vm));
  return states;
}

std::vector<std::string> Vms::Watch::notes() const {
  const std::lock_guard lock(mutex_);
  return notes_;
}

Vms::Vms(VmsOptions options, EventSink& events) : watch_(std::make_unique<Watch>(std::move(options), events)) {}
Vms::~Vms() = default;
Status Vms::start() { return watch_->start(); }
void Vms::stop() { watch_->stop(); }
bool Vms::has_socket(const std::string& id) const { return watch_->has_socket(id); }
std::shared_ptr<Vm> Vms::find(const std::string& id) const { return watch_->find(id); }
std::vector<std::shared_ptr<Vm>> Vms::all() const { return watch_->all(); }
std::vector<VmState> Vms::list() const { return watch_->list(); }
std::vector<std::string> Vms::notes() const { return watch_->notes(); }

}  // namespace blockplug
