// SPDX-License-Identifier: Apache-2.0
#pragma once
// What serves the VMs and the paths of this machine: made and started only where the daemon's role has such targets.
#include <functional>
#include <string>
#include <vector>

#include "attach-detach/events.h"
#include "hotplug/guest/guest_mounts.h"
#include "hotplug/host/helper/helper.h"
#include "hotplug/host/mount/mount_watch.h"
#include "hotplug/host/process/process_watch.h"
#include "hotplug/host/udev/block_events.h"
#include "hotplug/vm/vms.h"
#include "volume-plugin/daemon/config.h"
#include "volume-plugin/door/targets.h"

namespace blockplug {

// What rungs of all backends work with; what it names outlives them.
struct Machine {
  const Vms& vms;
  GuestMountTables& guest_mounts;
  EventSink& events;
  Helper& helper;
  BlockEvents& block_events;
  mount::MountWatch& mount_watch;
  ProcessWatch& processes;
};

// Owned by the daemon. Also the door's view of it: a VM is present while its socket is.
class MachineParts : public Targets {
 public:
  // `storage_answers`: see VmsOptions.
  MachineParts(const Config& config, EventSink& events, std::function<Status(const VolumeId&)> storage_answers);
  Machine machine() { return {vms_, guest_mounts_, events_, helper_, block_events_, mount_watch_, processes_}; }
  Status start();
  void stop();  // commands in progress return now
  std::vector<VmState> vms() const { return vms_.list(); }
  Status serves(const TargetId& target) const override;
  Status check_present(const TargetId& target) const override;
  Result<mount::Usage> usage(const AttachmentKey& key, const std::string& path, const std::string& number, Time deadline) override;

 private:
  const std::string socket_pattern_;
  EventSink& events_;
  Vms vms_;
  GuestMountTables guest_mounts_;
  Helper helper_;
  BlockEvents block_events_;
  mount::MountWatch mount_watch_;
  ProcessWatch processes_;
};

// Of a daemon whose role has no such targets: says whose they are.
class NoTargets : public Targets {
 public:
  Status serves(const TargetId& target) const override;
  Status check_present(const TargetId& target) const override;
  Result<mount::Usage> usage(const AttachmentKey& key, const std::string& path, const std::string& number, Time deadline) override;
};

}  // namespace blockplug
