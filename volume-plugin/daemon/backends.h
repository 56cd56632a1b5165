// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which rungs a backend's attachments climb: one row per backend and kind of target.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/backend.h"
#include "attach-detach/ladder.h"
#include "hotplug/vm/node_source.h"
#include "volume-plugin/daemon/config.h"
#include "volume-plugin/daemon/machine.h"

namespace blockplug {

struct BackendParts {
  std::string name;
  std::vector<std::shared_ptr<void>> kept;  // used by the members below; destroyed last
  std::unique_ptr<Backend> backend;
  std::vector<std::unique_ptr<NodeSource>> sources;
  std::vector<std::shared_ptr<void>> watches;  // report changes for as long as they live
  std::vector<std::unique_ptr<Rung>> rungs;
  std::map<std::string, Ladder> ladders;  // by kind of target: "vm", "host"
};

// How a daemon gets its backends. Without a machine (see has_machine) they have volumes and no ladders.
using BackendMaker = std::function<Result<std::vector<BackendParts>>(const Config&, const std::optional<Machine>&)>;
BackendMaker maker_of(BackendKinds kinds);

// The limits of the rungs, for --print-config.
std::vector<RungPlan> rung_limits();

class LadderTable : public Ladders {
 public:
  explicit LadderTable(std::vector<BackendParts> backends) : backends_(std::move(backends)) {}
  const Ladder* find(const AttachmentKey& key) const override;
  OrderPerformer* performer(const VolumeId& volume) const override;
  std::vector<Rung*> rungs() const override;
  std::map<std::string, Backend*> backends() const;
  Status storage_answers(const VolumeId& volume) const;  // see NodeSource::answers

 private:
  const BackendParts* parts_of(const VolumeId& volume) const;
  std::vector<BackendParts> backends_;
};

}  // namespace blockplug
