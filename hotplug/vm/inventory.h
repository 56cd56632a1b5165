// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is in one VM as far as disks go: block nodes, throttle groups, disks of ours, and where there is room for another.
// A value: read whole from QEMU by inventory_reader, then kept right by Vm with each command of ours and each event.
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
  std::string source;          // the node below it as QEMU describes it: JSON, or a file name
  bool is_read_only{};
  std::int64_t size_bytes{};
  std::string blind{};        // why QEMU could not be asked for the last three; empty: it was
  bool is_known_by_name{};    // and they are not known from before either
  bool operator==(const BlockNode&) const = default;
};

struct Disk {
  std::string id;      // "bp.local.data-1"
  std::string driver;  // "scsi-hd" or "virtio-blk-pci"
  std::string node;    // name of its block node
  std::string serial;
  std::string bus;  // "scsi0.0" or "port1"
  int scsi_id{-1};  // for scsi-hd
  bool operator==(const Disk&) const = default;
};

struct ThrottleLimits {
  std::int64_t iops{}, bytes_per_second{};  // 0: none
  bool operator==(const ThrottleLimits&) const = default;
};

// A root port that takes one hot-plugged device.
struct RootPort {
  std::string path, bus;  // "/machine/peripheral/port1/port1", "port1"
  std::string pci;        // where it sits on the root bus, "02.0": the guest sees it there
  bool operator==(const RootPort&) const = default;
};

struct ScsiBus {
  std::string path, bus;  // "/machine/peripheral/scsi0/virtio-backend/scsi0.0", "scsi0.0"
  std::string pci;        // of its controller
  bool operator==(const ScsiBus&) const = default;
};

// What never changes while the process lives.
struct Layout {
  std::vector<RootPort> ports;  // hot-pluggable ones, by position
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
  std::set<std::string> taken_ports;                      // by bus, whoever is on it
  std::set<int> taken_scsi_ids;
  std::string run_state;  // "running", "paused", "prelaunch", …
  bool is_migrating{};
  Time read_at;  // of the last full reading

  void add(Disk disk);
  void remove_disk(const std::string& id);  // its place is free again
  std::optional<Slot> free_slot() const;
  std::string explain_no_slot() const;  // "no free hot-plug slot (8 of 8 used): …"
  int free_slots() const;
};

// What QEMU calls a VM that may not be changed because it is on its way to or from another host.
bool is_migration(const std::string& run_state, const std::string& migration_status);

}  // namespace blockplug
