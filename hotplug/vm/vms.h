// SPDX-License-Identifier: Apache-2.0
#pragma once
// The VMs of this node: their monitor sockets, their processes, their devices.
//
// Watches the socket pattern with inotify, each QEMU process with a pidfd, and keeps one QMP connection per VM. Reports to the
// core by EventSink::doubt_target("vm:<id>") whenever a VM comes, goes, reconnects, resets, or resumes, and by volume when a disk
// goes. A VM is gone only when its process has ended; a silent socket only means uncertain. Owned by the composition root;
// thread-safe.
#include <memory>
#include <string>
#include <vector>

#include "attach-detach/events.h"
#include "attach-detach/outcome.h"
#include "hotplug/host/process/process.h"

namespace blockplug {

class Vm;  // hotplug/vm/vm.h: one VM's connection and inventory

struct VmState {
  std::string id;
  std::string socket;                // path
  std::string state;                 // "connecting", "running", "paused", "migrating", "silent", … for people
  std::optional<ProcessId> process;  // the connected one
  std::string bus;                   // "scsi" or "virtio-blk", once known
  int disks{};                       // plugged by Blockplug
  int free_slots{};                  // SCSI ids, or free hot-pluggable root ports
  std::string why;                   // when not running: the reason
};

struct VmsOptions {
  std::string socket_pattern;  // absolute, with exactly one "{vm}", e.g. "/run/vms/{vm}/qmp.sock"
  std::string book_directory;  // where processes are recorded across restarts, e.g. "/run/blockplug/vms"; empty: nowhere
  // Does the storage of this volume answer? See read_inventory. Called on worker threads; must not wait long.
  std::function<Status(const VolumeId&)> storage_answers{};
};

class Vms {
 public:
  Vms(VmsOptions options, EventSink& events);
  ~Vms();
  Vms(const Vms&) = delete;
  Vms& operator=(const Vms&) = delete;

  Status start();  // error: invalid pattern, or no inotify. When it returns, existing sockets are known
  void stop();     // closes all connections, within the time limit of a greeting; disks stay plugged
  bool has_socket(const std::string& id) const;           // by stat; also true for a VM that is still connected
  std::shared_ptr<Vm> find(const std::string& id) const;  // nullptr: no socket and no living process known
  std::vector<std::shared_ptr<Vm>> all() const;
  std::vector<VmState> list() const;
  std::vector<std::string> notes() const;  // for people: ignored sockets, and why

 private:
  class Watch;
  std::unique_ptr<Watch> watch_;
};

}  // namespace blockplug
