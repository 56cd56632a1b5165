// SPDX-License-Identifier: Apache-2.0
#include "hotplug/plug.h"

#include <nlohmann/json.hpp>

#include "hotplug/names.h"
#include "hotplug/vm/guest_driver.h"
#include "hotplug/vm/refusal.h"

namespace blockplug {
namespace {
using Json = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr seconds kProbeAge{1};
constexpr seconds kSurveyLimit{5};
constexpr seconds kLookAgain{5};
constexpr seconds kAskAgain{10};   // native PCIe hot-plug takes six
constexpr seconds kBootTakes{60};  // a guest that has not taken its disk by then has no driver for it
constexpr milliseconds kBootLook{250};
constexpr milliseconds kGoneSoon{100};
constexpr int kPlaces = 4;  // strangers may be as quick as we are, but not for ever

Waiting for_migration(const Vm& vm) {
  return {"VM " + vm.id() + " is migrating and left alone until that has ended", Clock::now() + kLookAgain};
}

// A disk as it would be in this place.
Disk disk_at(const Slot& slot, const VolumeId& volume) {
  if (const auto* scsi = std::get_if<ScsiSlot>(&slot))
    return {.id = device_id(volume),
            .driver = "scsi-hd",
            .node = node_name(volume),
            .serial = serial_of(volume, kScsiSerialLength),
            .bus = scsi->bus.bus,
            .scsi_id = scsi->scsi_id};
  return {.id = device_id(volume),
          .driver = "virtio-blk-pci",
          .node = node_name(volume),
          .serial = serial_of(volume, kVirtioBlkSerialLength),
          .bus = std::get<PortSlot>(slot).port.bus};
}

// Always with an address: on an occupied root port QEMU would else put it where no guest ever looks.
Json arguments_of(const Disk& disk) {
  Json arguments{{"driver", disk.driver}, {"id", disk.id},      {"bus", disk.bus},   {"drive", disk.node},
                 {"serial", disk.serial}, {"werror", "report"}, {"rerror", "report"}};
  if (disk.driver == "scsi-hd")
    arguments.update({{"channel", 0}, {"scsi-id", disk.scsi_id}, {"lun", 0}});
  else
    arguments["addr"] = "0x0";
  return arguments;
}

Facts facts_of(const Disk& disk, const Inventory& inventory, const ProcessId& process) {
  Facts facts{{"device", disk.id}, {"serial", disk.serial}, {"bus", disk.bus}};
  if (disk.driver == "scsi-hd") {
    facts["scsi_id"] = std::to_string(disk.scsi_id);
    if (inventory.layout.scsi) facts["pci"] = inventory.layout.scsi->pci;
  } else {
    facts["addr"] = "0x0";
    for (const auto& port : inventory.layout.ports)
      if (port.bus == disk.bus) facts["pci"] = port.pci;
  }
  put_facts(process, facts);
  return facts;
}

std::string in_the_way(const Vm& vm, const Disk& disk) {
  return "device " + disk.id + " in VM " + vm.id() + " has the block node '" + disk.node + "', which is not of this volume";
}

Attempt adopt(const Reach& reached, const Inventory& inventory, const Disk& disk, const Call& call) {
  if (reached.vm->unplug_of(disk.id))
    return Waiting{"the guest was asked to release the disk and has not answered; it is plugged again after that",
                   Clock::now() + kAskAgain};
  if (disk.node != node_name(call.key.volume)) return no_effect(Code::FailedPrecondition, in_the_way(*reached.vm, disk));
  return Done{facts_of(disk, inventory, reached.process)};
}

// QEMU forgets a device's id a moment before it lets go of the node: then the disk is in the way of its own successor.
bool is_taken_by_itself(const Error& error, const std::string& device) {
  const auto taker = error.message.find("unshared by block device '");
  return taker != std::string::npos && (error.message.find("'" + device + "'", taker) != std::string::npos ||
                                        error.message.find("/" + device + "/", taker) != std::string::npos);
}

// What QEMU's refusal of a device_add means for the attempt; nullopt: read again and take another place.
std::optional<Attempt> refused(const Vm& vm, const std::string& device, Error error) {
  switch (const Refusal refusal = refusal_of("device_add", error)) {
    case Refusal::PlaceTaken:
    case Refusal::AlreadyThere: return std::nullopt;
    case Refusal::Migrating: return for_migration(vm);
    case Refusal::Unplugging:
      return Waiting{"the guest was asked to release the disk and has not answered; it is plugged again after that",
                     Clock::now() + kAskAgain};
    case Refusal::NodeTaken:
      if (is_taken_by_itself(error, device))
        return Waiting{"QEMU has not let go of the disk that was just unplugged", Clock::now() + kGoneSoon};
      return within("another device of VM " + vm.id() + " has the block node; unplug that one",
                    to_error("device_add", refusal, std::move(error)));
    case Refusal::None:
    case Refusal::Gone:
    case Refusal::InUse:
    case Refusal::NodeMissing:
    case Refusal::NoRoom:
    case Refusal::Transient: return to_error("device_add", refusal, std::move(error));
  }
  return std::nullopt;
}

// Why a virtio-blk disk must not be asked back yet.
std::optional<Waiting> too_early(const Call& call, Vm& vm, const ProcessId& process, const std::string& run_state,
                                 const Inventory& inventory) {
  const auto disk = inventory.disks.find(device_id(call.key.volume));
  if (disk == inventory.disks.end() || disk->second.driver != "virtio-blk-pci") return std::nullopt;
  if (run_state == "prelaunch")
    return Waiting{"VM " + vm.id() + " was never started; its guest can release the disk once it runs", {}};
  if (run_state != "running")
    return Waiting{"VM " + vm.id() + " is " + run_state + "; its guest can release the disk when it runs again", {}};
  const auto reset = vm.last_reset();
  const bool may_boot = age_of(process) < kBootTakes || (reset && Clock::now() - *reset < kBootTakes);
  if (!may_boot) return std::nullopt;
  const auto status = vm.execute("x-query-virtio-status", {{"path", "/machine/peripheral/" + disk->first + "/virtio-backend"}},
                                 call.deadline, call.operation);
  if (status && is_driven_by_system(*status)) return std::nullopt;
  return Waiting{"the guest still boots and has not taken the disk; asked now it would never release it", Clock::now() + kBootLook};
}

Waiting for_guest(const Vm& vm, const std::string& run_state) {
  if (run_state != "running" && !run_state.empty())
    return {"VM " + vm.id() + " is " + run_state + "; its guest can release the disk when it runs again", Clock::now() + kAskAgain};
  return {"the guest has not released the disk yet", Clock::now() + kAskAgain};
}
}  // namespace

Plug::Plug(const Vms& vms, std::string backend) : vms_(vms), backend_(std::move(backend)) {}

Attempt Plug::raise(const Call& call) {
  const Reach reached = reach(vms_, call);
  if (reached.kind != Reach::Kind::Ready) return Waiting{reached.why, std::nullopt};
  Vm& vm = *reached.vm;
  auto inventory = TRY(vm.inventory(Vm::kAnyAge, call.deadline, call.operation));
  const auto read_again = [&] { return vm.inventory(Clock::duration::zero(), call.deadline, call.operation); };
  if (inventory->is_migrating) inventory = TRY(read_again());
  for (int tried = 0; tried < kPlaces; ++tried) {
    if (inventory->is_migrating) return for_migration(vm);
    const auto there = inventory->disks.find(device_id(call.key.volume));
    if (there != inventory->disks.end()) return adopt(reached, *inventory, there->second, call);
    if (!inventory->free_slot()) inventory = TRY(read_again());  // a stranger may have left
    const auto slot = inventory->free_slot();
    if (!slot) return no_effect(Code::ResourceExhausted, inventory->explain_no_slot());
    const Disk disk = disk_at(*slot, call.key.volume);
    auto reply = vm.execute("device_add", arguments_of(disk), call.deadline, call.operation);
    if (reply) {
      vm.change_inventory([disk](Inventory& changed) { changed.add(disk); });
      return Done{facts_of(disk, *inventory, reached.process)};
    }
    if (auto attempt = refused(vm, disk.id, std::move(reply).error())) return std::move(*attempt);
    inventory = TRY(read_again());
  }
  return no_effect(Code::Unavailable, "every free slot that was tried was taken by somebody else meanwhile");
}

Attempt Plug::lower(const Call& call) {
  const Reach reached = reach(vms_, call);
  if (reached.kind == Reach::Kind::Absent) return Done{};
  if (reached.kind == Reach::Kind::Uncertain) return Waiting{reached.why, std::nullopt};
  Vm& vm = *reached.vm;
  const std::string device = device_id(call.key.volume);
  const auto inventory = TRY(vm.inventory(Vm::kAnyAge, call.deadline, call.operation));
  const std::string run_state = vm.sight().run_state;
  if (inventory->is_migrating) return for_migration(vm);
  if (auto waiting = too_early(call, vm, reached.process, run_state, *inventory)) return std::move(*waiting);
  const auto asked = vm.unplug_of(device);
  if (asked && asked->refused_at && Clock::now() - *asked->refused_at < kAskAgain)
    return Waiting{"the guest refused to release the disk; it is asked again", *asked->refused_at + kAskAgain};

  vm.note_unplug(device);
  auto reply = vm.execute("device_del", {{"id", device}}, call.deadline, call.operation);
  const Refusal refusal = reply ? Refusal::None : refusal_of("device_del", reply.error());
  if (refusal == Refusal::Gone) {
    vm.forget_unplug(device);
    vm.change_inventory([device](Inventory& changed) { changed.remove_disk(device); });
    return Done{};
  }
  if (refusal == Refusal::Migrating) {
    vm.forget_unplug(device);
    return for_migration(vm);
  }
  if (!reply && refusal != Refusal::Unplugging) return to_error("device_del", refusal, std::move(reply).error());
  if (reply && !vm.unplug_of(device)) return Done{};  // its event came before the reply
  return for_guest(vm, run_state);
}

Finding Plug::probe(const Call& call) {
  const Reach reached = reach(vms_, call);
  if (reached.kind == Reach::Kind::Absent) return {Standing::Down, {}, reached.why};
  if (reached.kind == Reach::Kind::Uncertain) return {Standing::Unknown, {}, reached.why};
  const auto read = reached.vm->inventory(kProbeAge, call.deadline, call.operation);
  if (!read) return {Standing::Unknown, {}, read.error().message};
  const auto found = (*read)->disks.find(device_id(call.key.volume));
  if (found == (*read)->disks.end()) return {Standing::Down, {}, {}};
  const Facts facts = facts_of(found->second, **read, reached.process);
  if (found->second.node != node_name(call.key.volume)) return {Standing::Foreign, {}, in_the_way(*reached.vm, found->second)};
  if (reached.vm->unplug_of(found->first))
    return {Standing::Partial, facts, "the guest was asked to release the disk and has not answered"};
  return {Standing::Up, facts, {}};
}

std::vector<Found> Plug::survey() {
  std::vector<Found> found;
  for (const auto& vm : vms_.all()) {
    const auto read = vm->inventory(kProbeAge, Clock::now() + kSurveyLimit, "survey");
    const auto process = vm->sight().process;
    if (!read || !process) continue;
    for (const auto& [id, disk] : (*read)->disks) {
      const auto volume = volume_of(id);
      if (!volume || backend_of(*volume) != backend_) continue;
      found.push_back(
          {{*volume, vm->target()}, RungKind::Plug, facts_of(disk, **read, *process), "disk " + id + " in VM " + vm->id()});
    }
  }
  return found;
}

}  // namespace blockplug
