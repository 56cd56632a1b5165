// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/inventory.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace blockplug {
namespace {
constexpr int kScsiIds = 256;  // virtio-scsi has targets 0 to 255

template <std::size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), text) != names.end();
}
}  // namespace

void Inventory::add(Disk disk) {
  if (disk.driver == "scsi-hd")
    taken_scsi_ids.insert(disk.scsi_id);
  else
    taken_ports.insert(disk.bus);
  disks.insert_or_assign(disk.id, std::move(disk));
}

void Inventory::remove_disk(const std::string& id) {
  const auto disk = disks.find(id);
  if (disk == disks.end()) return;
  if (disk->second.driver == "scsi-hd")
    taken_scsi_ids.erase(disk->second.scsi_id);
  else
    taken_ports.erase(disk->second.bus);
  disks.erase(disk);
}

std::optional<Slot> Inventory::free_slot() const {
  if (layout.scsi) {
    for (int scsi_id = 0; scsi_id < kScsiIds; ++scsi_id)
      if (!taken_scsi_ids.contains(scsi_id)) return ScsiSlot{*layout.scsi, scsi_id};
    return std::nullopt;
  }
  for (const auto& port : layout.ports)
    if (!taken_ports.contains(port.bus)) return PortSlot{port};
  return std::nullopt;
}

int Inventory::free_slots() const {
  if (layout.scsi) return kScsiIds - static_cast<int>(taken_scsi_ids.size());
  return static_cast<int>(std::count_if(layout.ports.begin(), layout.ports.end(),
                                        [&](const RootPort& port) { return !taken_ports.contains(port.bus); }));
}

std::string Inventory::explain_no_slot() const {
  const std::size_t all = layout.scsi ? std::size_t{kScsiIds} : layout.ports.size();
  const std::string used = std::to_string(all) + " of " + std::to_string(all) + " used";
  if (layout.scsi) return "no free hot-plug slot (" + used + "): detach another disk from this VM first";
  if (all == 0)
    return "no free hot-plug slot (the VM has none): start it with a virtio-scsi-pci controller or with spare pcie-root-port "
           "devices";
  return "no free hot-plug slot (" + used +
         "): detach another disk, or start the VM with more pcie-root-port devices or a "
         "virtio-scsi-pci controller";
}

bool is_migration(const std::string& run_state, const std::string& migration_status) {
  using namespace std::string_view_literals;
  return is_one_of(run_state, std::array{"inmigrate"sv, "postmigrate"sv, "finish-migrate"sv, "colo"sv}) ||
         is_one_of(migration_status,
                   std::array{"setup"sv, "active"sv, "postcopy-active"sv, "postcopy-paused"sv, "postcopy-recover"sv,
                              "pre-switchover"sv, "device"sv, "wait-unplug"sv, "cancelling"sv, "colo"sv});
}

}  // namespace blockplug
