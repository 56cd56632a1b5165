// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which rungs a backend's attachments climb: one row per backend and kind of target. Here a new kind of volume is added.
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "attach-detach/backend.h"
#include "attach-detach/ladder.h"
#include "hotplug/helper/helper.h"
#include "hotplug/udev/block_events.h"
#include "hotplug/vm/node_source.h"
#include "hotplug/vm/process_watch.h"
#include "hotplug/vm/vms.h"
#include "volume-plugin/daemon/config.h"
#include "volume-plugin/mount/mount_watch.h"

namespace blockplug {

struct BackendParts {
  std::string name;
  std::vector<std::shared_ptr<void>> kept;  // what the others use; goes last
  std::unique_ptr<Backend> backend;
  std::vector<std::unique_ptr<NodeSource>> sources;
  std::vector<std::shared_ptr<void>> watches;  // what tells of changes, as long as it lives
  std::vector<std::unique_ptr<Rung>> rungs;
  std::map<std::string, Ladder> ladders;  // by kind of target: "vm", "host"
};

// What rungs of all backends work with. Owned by the daemon; outlives them.
struct Machine {
  const Vms& vms;
  EventSink& events;
  Helper& helper;
  BlockEvents& block_events;
  mount::MountWatch& mount_watch;
  ProcessWatch& processes;
};

// How a daemon gets its backends; the benchmarks have another one.
using BackendMaker = std::function<Result<std::vector<BackendParts>>(const Config&, const Machine&)>;
Result<std::vector<BackendParts>> make_backends(const Config& config, const Machine& machine);

// The limits of the rungs, for --print-config.
std::vector<RungPlan> rung_limits();

class LadderTable : public Ladders {
 public:
  explicit LadderTable(std::vector<BackendParts> backends) : backends_(std::move(backends)) {}
  const Ladder* find(const AttachmentKey& key) const override;
  Acts* acts(const VolumeId& volume) const override;
  std::vector<Rung*> rungs() const override;
  std::map<std::string, Backend*> backends() const;
  Status storage_answers(const VolumeId& volume) const;  // see NodeSource::answers

 private:
  const BackendParts* parts_of(const VolumeId& volume) const;
  std::vector<BackendParts> backends_;
};

}  // namespace blockplug
