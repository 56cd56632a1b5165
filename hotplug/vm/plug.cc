// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/plug.h"

#include <nlohmann/json.hpp>

#include "attach-detach/roles.h"
#include "hotplug/rungs.h"
#include "hotplug/vm/guest_driver.h"
#include "hotplug/vm/names.h"
#include "hotplug/vm/refusal.h"

namespace blockplug {
namespace {
using Json = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr seconds kSurveyLimit{5};
constexpr seconds kLookAgain{5};
constexpr seconds kAskAgain{10};   // native PCIe hot-plug takes six seconds
constexpr seconds kBootTakes{60};  // a guest that does not drive its disk by then has no driver for it
constexpr milliseconds kBootLook{250};
constexpr milliseconds kGoneSoon{100};
constexpr int kPlaces = 4;  // other clients may take a slot first; give up after this many

Waiting for_migration(const Vm& vm) {
  return {"VM " + vm.id() + " is migrating; Blockplug waits until that has ended", Clock::now() + kLookAgain};
}

// Where the volume's service has a serial that tools in guests look for, as much of that as the bus shows.
std::string serial_for(const Call& call, std::size_t longest) {
  const auto given = fact(call.below, roles::kVolumeSerial);
  return given.empty() ? serial_of(call.key.volume, longest) : given.substr(0, longest);
}

// The disk for this slot.
Disk disk_at(const Slot& slot, const Call& call) {
  const auto& volume = call.key.volume;
  if (const auto* scsi = std::get_if<ScsiSlot>(&slot))
    return {.id = device_id(volume),
            .driver = "scsi-hd",
            .node = node_name(volume),
            .serial = serial_for(call, kScsiSerialLength),
            .bus = scsi->bus.bus,
            .scsi_id = scsi->scsi_id};
  return {.id = device_id(volume),
          .driver = "virtio-blk-pci",
          .node = node_name(volume),
          .serial = serial_for(call, kVirtioBlkSerialLength),
          .bus = std::get<PortSlot>(slot).port.bus};
}

// Always with an address: otherwise QEMU puts it into a slot of an occupied root port that guests never scan.
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
  Facts facts{{roles::kGuestDevice, disk.id}, {roles::kGuestSerial, disk.serial}, {roles::kGuestBus, disk.bus}};
  if (disk.driver == "scsi-hd") {
    facts[roles::kGuestScsiId] = std::to_string(disk.scsi_id);
    if (inventory.layout.scsi) facts[roles::kGuestPci] = inventory.layout.scsi->pci;
  } else {
    facts[roles::kGuestAddress] = "0x0";
    for (const auto& port : inventory.layout.ports)
      if (port.bus == disk.bus) facts[roles::kGuestPci] = port.pci;
  }
  put_facts(process, facts);
  return facts;
}

std::string in_the_way(const Vm& vm, const Disk& disk) {
  return "device " + disk.id + " in VM " + vm.id() + " has the block node '" + disk.node + "', which belongs to another volume";
}

// Somebody put something between the disk and its volume. That is no reason to take the disk away.
std::string between(const Disk& disk) {
  if (disk.reads == Disk::Reads::VolumeBelow && disk.has_job) return disk.between + " runs on it";
  if (disk.reads == Disk::Reads::VolumeBelow) return disk.between + " is between the disk and the volume";
  if (disk.reads == Disk::Reads::Unknown)
    return "the disk reads " + disk.between + ", and this QEMU cannot say whether the volume is below that";
  return {};
}

Attempt adopt(const Reach& reached, const Inventory& inventory, const Disk& disk) {
  if (disk.reads == Disk::Reads::Other) return no_effect(Code::FailedPrecondition, in_the_way(*reached.vm, disk));
  if (disk.reads == Disk::Reads::Unknown) return maybe_effect(Code::Unavailable, between(disk));
  return Done{facts_of(disk, inventory, reached.process)};
}

// QEMU removes a device's id shortly before it releases the node: then the old disk blocks its own successor.
bool is_taken_by_itself(const Error& error, const std::string& device) {
  const auto taker = error.message.find("unshared by block device '");
  return taker != std::string::npos && (error.message.find("'" + device + "'", taker) != std::string::npos ||
                                        error.message.find("/" + device + "/", taker) != std::string::npos);
}

// Converts QEMU's refusal of device_add; nullopt: read the inventory again and use another slot.
std::optional<Attempt> refused(const Vm& vm, const std::string& device, Error error) {
  switch (const Refusal refusal = refusal_of("device_add", error)) {
    case Refusal::PlaceTaken:
    case Refusal::AlreadyThere: return std::nullopt;
    case Refusal::Migrating: return for_migration(vm);
    case Refusal::Unplugging:
      return Waiting{"the guest was asked to release the disk and has not answered; it will be plugged again after that",
                     Clock::now() + kAskAgain};
    case Refusal::NodeTaken:
      if (is_taken_by_itself(error, device))
        return Waiting{"QEMU has not released the disk that was just unplugged", Clock::now() + kGoneSoon};
      return within("another device of VM " + vm.id() + " uses the block node; unplug it",
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

// Why the guest must not be asked to release a virtio-blk disk yet.
std::optional<Waiting> too_early(const Call& call, Vm& vm, const ProcessId& process, const std::string& run_state,
                                 const Inventory& inventory) {
  const auto disk = inventory.disks.find(device_id(call.key.volume));
  if (disk == inventory.disks.end() || disk->second.driver != "virtio-blk-pci") return std::nullopt;
  if (run_state == "prelaunch")
    return Waiting{"VM " + vm.id() + " has not been started; its guest can release the disk only when it runs", {}};
  if (run_state != "running")
    return Waiting{"VM " + vm.id() + " is " + run_state + "; its guest can release the disk only when it runs again", {}};
  const auto reset = vm.last_reset();
  const bool may_boot = age_of(process) < kBootTakes || (reset && Clock::now() - *reset < kBootTakes);
  if (!may_boot) return std::nullopt;
  const auto status = vm.execute("x-query-virtio-status", {{"path", "/machine/peripheral/" + disk->first + "/virtio-backend"}},
                                 call.deadline, call.operation);
  if (status && is_driven_by_system(*status)) return std::nullopt;
  return Waiting{"the guest is still booting; if it were asked now, it would never release the disk", Clock::now() + kBootLook};
}

Waiting for_guest(const Vm& vm, const std::string& run_state) {
  if (run_state != "running" && !run_state.empty())
    return {"VM " + vm.id() + " is " + run_state + "; its guest can release the disk only when it runs again",
            Clock::now() + kAskAgain};
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
    if (there != inventory->disks.end() && vm.unplug_of(there->first)) {  // only its answer makes the place free, or the disk ours
      auto released = release(call, reached, *inventory);
      if (std::holds_alternative<Waiting>(released))
        return Waiting{std::get<Waiting>(released).for_what + "; it will be plugged again after that", Clock::now() + kAskAgain};
      if (auto* error = std::get_if<Error>(&released)) return std::move(*error);
      inventory = TRY(read_again());
      continue;
    }
    if (there != inventory->disks.end()) return adopt(reached, *inventory, there->second);
    if (!inventory->free_slot()) inventory = TRY(read_again());  // another device may have been removed
    const auto slot = inventory->free_slot();
    if (!slot) return no_effect(Code::ResourceExhausted, inventory->explain_no_slot());
    const Disk disk = disk_at(*slot, call);
    auto reply = vm.execute("device_add", arguments_of(disk), call.deadline, call.operation);
    if (reply) {
      vm.change_inventory([disk](Inventory& changed) { changed.add(disk); });
      return Done{facts_of(disk, *inventory, reached.process)};
    }
    if (auto attempt = refused(vm, disk.id, std::move(reply).error())) return std::move(*attempt);
    inventory = TRY(read_again());
  }
  return no_effect(Code::Unavailable, "another client took every free slot that was tried; try again");
}

Attempt Plug::lower(const Call& call) {
  const Reach reached = reach(vms_, call);
  if (reached.kind == Reach::Kind::Absent) return Done{};
  if (reached.kind == Reach::Kind::Uncertain) return Waiting{reached.why, std::nullopt};
  const auto inventory = TRY(reached.vm->inventory(Vm::kAnyAge, call.deadline, call.operation));
  return release(call, reached, *inventory);
}

// Asks the guest for the disk. QEMU's event, not its reply, says that it is gone.
Attempt Plug::release(const Call& call, const Reach& reached, const Inventory& inventory) {
  Vm& vm = *reached.vm;
  const std::string device = device_id(call.key.volume);
  const std::string run_state = vm.sight().run_state;
  if (inventory.is_migrating) return for_migration(vm);
  const auto disk = inventory.disks.find(device);
  if (disk != inventory.disks.end() && disk->second.has_job)
    return Waiting{between(disk->second) + "; it is unplugged when that has ended", Clock::now() + kLookAgain};
  if (auto waiting = too_early(call, vm, reached.process, run_state, inventory)) return std::move(*waiting);
  const auto asked = vm.unplug_of(device);
  if (asked && asked->refused_at && Clock::now() - *asked->refused_at < kAskAgain)
    return Waiting{"the guest refused to release the disk; it will be asked again", *asked->refused_at + kAskAgain};

  vm.note_unplug(device);
  auto reply = vm.execute("device_del", {{"id", device}}, call.deadline, call.operation);
  const Refusal refusal = reply ? Refusal::None : refusal_of("device_del", reply.error());
  if (refusal == Refusal::Gone) {
    vm.forget_unplug(device);
    vm.change_inventory([device](Inventory& changed) { changed.remove_disk(device); });
    return Done{};
  }
  const bool was_not_asked = !reply && refusal != Refusal::Unplugging && reply.error().effect == Effect::None;
  if (was_not_asked && !asked) vm.forget_unplug(device);
  if (refusal == Refusal::Migrating) return for_migration(vm);
  if (!reply && refusal != Refusal::Unplugging) return to_error("device_del", refusal, std::move(reply).error());
  if (reply && !vm.unplug_of(device)) return Done{};  // its event arrived before the reply
  return for_guest(vm, run_state);
}

Finding Plug::probe(const Call& call) {
  const Reach reached = reach(vms_, call);
  if (reached.kind == Reach::Kind::Absent) return {Standing::Down, {}, reached.why};
  if (reached.kind == Reach::Kind::Uncertain) return {Standing::Unknown, {}, reached.why};
  const auto read = reached.vm->inventory_since(call.doubted_at, call.deadline, call.operation);
  if (!read) return {Standing::Unknown, {}, read.error().message};
  const auto found = (*read)->disks.find(device_id(call.key.volume));
  if (found == (*read)->disks.end()) return {Standing::Down, {}, {}};
  const Facts facts = facts_of(found->second, **read, reached.process);
  if (found->second.reads == Disk::Reads::Other) return {Standing::Foreign, {}, in_the_way(*reached.vm, found->second)};
  if (found->second.reads == Disk::Reads::Unknown) return {Standing::Unknown, {}, between(found->second)};
  if (reached.vm->unplug_of(found->first))
    return {Standing::Partial, facts, "the guest was asked to release the disk and has not answered"};
  return {Standing::Up, facts, between(found->second)};
}

Survey Plug::survey(Time deadline) {
  Survey found;
  for (const auto& vm : vms_.all()) {
    const auto read = vm->inventory(Vm::kSurveyAge, std::min(deadline, Clock::now() + kSurveyLimit), "survey");
    const auto process = vm->sight().process;
    found.is_partial = found.is_partial || (!read && (process || !vm->sight().others.empty()));
    if (!read || !process) continue;
    for (const auto& [id, disk] : (*read)->disks) {
      const auto volume = volume_of(id);
      if (!volume || backend_of(*volume) != backend_) continue;
      found.push_back(
          {{*volume, vm->target()}, rungs::kPlug, facts_of(disk, **read, *process), "disk " + id + " in VM " + vm->id()});
    }
  }
  return found;
}

}  // namespace blockplug
