// SPDX-License-Identifier: Apache-2.0
#pragma once
// Finds our disk in the guest by its address: QEMU sets the address on the root PCI bus and the SCSI id, the guest cannot change
// them, and sysfs shows them in the disk's path. (guest-get-disks of QEMU 7.2 has no SCSI id, and the guest numbers the buses
// behind bridges.) The serial is only verified. Changes nothing.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "attach-detach/rung.h"
#include "hotplug/guest/agent.h"

namespace blockplug {

// The disk's address, from Plug.
struct DiskPlace {
  std::string pci;  // of the root port or the SCSI controller: root bus, bridges on the way, itself: "00:02.0/00.0"
  int scsi_id{-1};  // -1: virtio-blk
};
std::optional<DiskPlace> place_of(const Facts& below);  // nullopt: not plugged

// Is this the sysfs path of a disk at that address? "…/devices/pci0000:00/0000:00:02.0/virtio1/host0/target0:0:7/0:0:7:0/block/sdb"
bool is_at(const DiskPlace& place, std::string_view sysfs_path);
// The kernel's name ("sdb") of the disk at that address, from the output of `ls -l /sys/block`; empty: none.
std::string disk_name_at(const DiskPlace& place, std::string_view listing);

struct GuestDisk {
  std::string path;    // "/dev/sdb"
  std::string number;  // "8:16"
  std::string serial;  // as the guest reads it; empty: not readable
  std::int64_t size_bytes{};
};
// nullopt: the guest does not see it.
Result<std::optional<GuestDisk>> find_disk(Agent& agent, const DiskPlace& place);
// The disk of this name, wherever it is. nullopt: there is none.
Result<std::optional<GuestDisk>> read_disk(Agent& agent, const DiskPlace& place, const std::string& path);

}  // namespace blockplug
