// SPDX-License-Identifier: Apache-2.0
#pragma once
// The disks of one VM: our block nodes, throttle groups and disks, and the free slots.
// A value: inventory_reader reads it completely from QEMU; Vm then updates it with each command and each event.
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "attach-detach/outcome.h"

namespace blockplug {

struct BlockNode {
  std::string name;            // "bp-…"
  std::string throttle_group;  // empty: not a throttle filter
  std::string source;          // the node below it, as described by QEMU: JSON, or a file name
  bool is_read_only{};
  std::int64_t size_bytes{};
  std::string blind{};      // why QEMU was not asked for the last three; empty: it was asked
  bool is_known_by_name{};  // and they are not known from an earlier reading
  bool operator==(const BlockNode&) const = default;
};

struct Disk {
  // What it reads: its volume's block node; that one below others (a block job's filter, a snapshot's overlay); another's; or that
  // could not be found out.
  enum class Reads : std::uint8_t { Volume, VolumeBelow, Other, Unknown };
  std::string id;      // "bp.local.data-1"
  std::string driver;  // "scsi-hd" or "virtio-blk-pci"
  std::string node;    // name of the block node that is its drive
  std::string serial;
  std::string bus;  // "scsi0.0" or "port1"
  int scsi_id{-1};  // for scsi-hd
  Reads reads{Reads::Volume};
  std::string between{};  // with VolumeBelow and Unknown, for people: "the block job 'job0' (backup)"
  bool has_job{};         // a block job runs on its volume's block node
  bool operator==(const Disk&) const = default;
};

struct ThrottleLimits {
  std::int64_t iops{}, bytes_per_second{};  // 0: no limit
  bool operator==(const ThrottleLimits&) const = default;
};

// A root port for one hot-plugged device.
struct RootPort {
  std::string path, bus;  // "/machine/peripheral/port1/port1", "port1"
  std::string pci;        // its place below the root bus, which the guest sees too: "00:02.0", "80:00.0/00.0" (below a pxb-pcie)
  bool operator==(const RootPort&) const = default;
};

struct ScsiBus {
  std::string path, bus;  // "/machine/peripheral/scsi0/virtio-backend/scsi0.0", "scsi0.0"
  std::string pci;        // its controller's place
  bool operator==(const ScsiBus&) const = default;
};

// What never changes during the process's life.
struct Layout {
  std::vector<RootPort> ports;  // hot-pluggable ports, by address
  std::optional<ScsiBus> scsi;
};

struct PortSlot {
  RootPort port;
};
struct ScsiSlot {
  ScsiBus bus;
  int scsi_id{};
};
using Slot = std::variant<PortSlot, ScsiSlot>;

struct Inventory {
  Layout layout;
  std::map<std::string, BlockNode> nodes;                 // ours, by name
  std::map<std::string, ThrottleLimits> throttle_groups;  // ours, by id
  std::map<std::string, Disk> disks;                      // ours, by id
  std::set<std::string> taken_ports;                      // by bus, also those of other devices
  std::set<int> taken_scsi_ids;
  std::string run_state;  // "running", "paused", "prelaunch", …
  bool is_migrating{};
  Time read_at;  // time of the last complete reading

  void add(Disk disk);
  void remove_disk(const std::string& id);  // frees its slot
  std::optional<Slot> free_slot() const;
  std::string explain_no_slot() const;  // "no free hot-plug slot (8 of 8 used): …"
  int free_slots() const;
};

// QEMU's states of a VM that is migrating and must not be changed.
bool is_migration(const std::string& run_state, const std::string& migration_status);

}  // namespace blockplug
