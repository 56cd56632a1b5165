// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which of the guest's disks is ours? Found by where it sits: the addresses on the root PCI bus and the SCSI id are QEMU's, no
// guest can change them, and sysfs shows them in the disk's path. (guest-get-disks of QEMU 7.2 has no SCSI id, and numbers of buses
// behind bridges are the guest's own.) The serial is only checked. Changes nothing.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "attach-detach/rung.h"
#include "hotplug/guest/agent.h"

namespace blockplug {

// Where Plug says that the disk is.
struct DiskPlace {
  std::string pci;  // on the root bus, "02.0": of the root port, or of the SCSI controller
  int scsi_id{-1};  // -1: virtio-blk
};
std::optional<DiskPlace> place_of(const Facts& below);  // nullopt: it is not plugged

// Is this a path of a disk there? "…/devices/pci0000:00/0000:00:02.0/virtio1/host0/target0:0:7/0:0:7:0/block/sdb"
bool is_at(const DiskPlace& place, std::string_view sysfs_path);
// From what `ls -l /sys/block` printed: the kernel's name of the disk there, "sdb"; empty: none.
std::string disk_name_at(const DiskPlace& place, std::string_view listing);

struct GuestDisk {
  std::string path;    // "/dev/sdb"
  std::string number;  // "8:16"
  std::string serial;  // as the guest reads it; empty: it cannot be read
  std::int64_t size_bytes{};
};
// nullopt: the guest does not see it (yet, or any more).
Result<std::optional<GuestDisk>> find_disk(Agent& agent, const DiskPlace& place);

}  // namespace blockplug
