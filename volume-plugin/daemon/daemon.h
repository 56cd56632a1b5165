// SPDX-License-Identifier: Apache-2.0
#pragma once
// The composition root: makes every part, in the order in which they need each other, and takes them down in the reverse.
// Stopping leaves disks and mounts as they are.
#include <atomic>
#include <memory>
#include <shared_mutex>

#include "attach-detach/store_thread.h"
#include "attach-detach/volume_manager.h"
#include "attach-detach/worker_runner.h"
#include "volume-plugin/admin/server.h"
#include "volume-plugin/daemon/backends.h"
#include "volume-plugin/daemon/config.h"
#include "volume-plugin/door.h"

namespace blockplug {

// Events of adapters, which are made before the Volume Manager is, and may outlive it.
class EventRelay : public EventSink {
 public:
  void set(EventSink* sink);  // when it returns, nobody is in the one before
  void touch_volume(const VolumeId& volume) override;
  void doubt_volume(const VolumeId& volume) override;
  void doubt_target(const TargetId& target) override;

 private:
  std::shared_mutex mutex_;  // guards sink_
  EventSink* sink_{};
};

class VmSockets : public VmPresence {
 public:
  VmSockets(const Vms& vms, std::string pattern) : vms_(vms), pattern_(std::move(pattern)) {}
  Status check_present(const std::string& vm) const override;

 private:
  const Vms& vms_;
  std::string pattern_;
};

class Daemon {
 public:
  // Sockets answer when it returns. Errors say what to do; nothing runs then.
  static Result<std::unique_ptr<Daemon>> start(const Config& config, const BackendMaker& make);
  ~Daemon();
  void stop();

 private:
  explicit Daemon(const Config& config);
  Status run(const BackendMaker& make);

  const Config config_;
  EventRelay events_;
  Vms vms_;
  VmSockets vm_sockets_;
  Helper helper_;
  BlockEvents block_events_;
  mount::MountWatch mount_watch_;
  ProcessWatch processes_;
  std::unique_ptr<LadderTable> ladders_;
  WorkerRunner runner_;
  std::unique_ptr<StoreThread> store_;
  std::unique_ptr<VolumeManager> manager_;
  std::unique_ptr<Door> door_;
  std::unique_ptr<AdminServer> admin_;
  std::atomic<AdminServer*> watchers_{};  // told of changes, once it is there
  bool is_stopped_{};
};

}  // namespace blockplug
