// SPDX-License-Identifier: Apache-2.0
#pragma once
// Assembles one configured backend, one function per kind. For this folder's .cc files only.
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "volume-plugin/daemon/backends.h"

namespace blockplug {

namespace rbd {
class Cluster;
}

// What the daemon shares between all its backends.
struct SharedParts {
  std::optional<Machine> machine;  // none: no ladders are wanted
  std::string node, owner, run_dir,
      state_dir;  // owner: in every marker; tells apart two daemons of one name on one host (as in tests)
  std::string staging() const { return run_dir + "/stage"; }
  std::map<std::string, BackendConfig> configs{};  // of all backends, by name
  // One connection for all backends of a cluster and user.
  std::map<std::tuple<std::string, std::string, std::string, std::vector<std::string>>, std::shared_ptr<rbd::Cluster>> clusters{};
};

template <typename AnyRung>
AnyRung* add(BackendParts& parts, std::unique_ptr<AnyRung> rung) {
  auto* added = rung.get();
  parts.rungs.push_back(std::move(rung));
  return added;
}

// The lowest rung of every ladder to a VM. Only where `shared.machine` is.
RungPlan add_hand_over(BackendParts& parts, const SharedParts& shared);

// The kinds, each in its own file.
BackendKind local_kind();
BackendKind rbd_kind();
BackendKind cinder_kind();

}  // namespace blockplug
