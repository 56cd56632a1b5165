// SPDX-License-Identifier: Apache-2.0
#pragma once
// The composition root: makes every part in the order of dependencies, and stops them in the reverse order.
// Stopping leaves disks and mounts as they are.
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "attach-detach/store_thread.h"
#include "attach-detach/volume_manager.h"
#include "attach-detach/worker_runner.h"
#include "volume-plugin/admin/server.h"
#include "volume-plugin/csi/server.h"
#include "volume-plugin/daemon/backends.h"
#include "volume-plugin/daemon/config.h"
#include "volume-plugin/daemon/event_relay.h"
#include "volume-plugin/daemon/machine.h"
#include "volume-plugin/door/door.h"
#include "volume-plugin/kubernetes/api_server.h"
#include "volume-plugin/metrics/http_server.h"
#include "volume-plugin/metrics/metrics.h"

namespace blockplug {

class Daemon {
 public:
  // When it returns, the sockets answer. After an error nothing runs; the message says what to do.
  static Result<std::unique_ptr<Daemon>> start(const Config& config, const BackendMaker& make);
  ~Daemon();
  void stop();

 private:
  explicit Daemon(const Config& config);
  Status run(const BackendMaker& make);
  Status start_manager();
  Status start_admin();
  Status start_csi();
  void start_metrics();
  bool core_answers();
  std::optional<Metrics::Reading> metrics_reading();
  std::optional<Metrics::Reading> read_for_metrics();

  const Config config_;
  Metrics metrics_;
  EventRelay events_;
  std::optional<MachineParts> machine_;  // where the role has one
  NoTargets no_targets_;
  std::unique_ptr<LadderTable> ladders_;
  WorkerRunner runner_;
  std::unique_ptr<StoreThread> store_;
  std::unique_ptr<VolumeManager> manager_;
  std::unique_ptr<Door> door_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<kubernetes::ApiServer> api_server_;
  std::unique_ptr<csi::CsiServer> csi_;
  std::mutex reading_mutex_;  // one reads for metrics at a time; guards the next two
  std::optional<Metrics::Reading> last_reading_;
  Time last_read_at_{};
  std::unique_ptr<HttpServer> http_;
  std::atomic<AdminServer*> watchers_{};  // notified of changes once it exists
  bool is_stopped_{};
};

}  // namespace blockplug
