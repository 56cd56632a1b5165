// SPDX-License-Identifier: Apache-2.0
#pragma once
// One configured backend put together, kind by kind. For this folder's .cc files only.
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

// Of the daemon, for all its backends.
struct Around {
  const Machine& machine;
  std::string node, owner, run_dir, state_dir;  // owner: whose a mark is; two daemons of one name on one host (a test's, say) are still two
  std::string staging() const { return run_dir + "/stage"; }
  // One connection for all backends of a cluster and user.
  std::map<std::tuple<std::string, std::string, std::string, std::vector<std::string>>, std::shared_ptr<rbd::Cluster>> clusters{};
};

template <typename AnyRung>
AnyRung* add(BackendParts& parts, std::unique_ptr<AnyRung> rung) {
  auto* added = rung.get();
  parts.rungs.push_back(std::move(rung));
  return added;
}

Result<BackendParts> make_parts(const std::string& name, const LocalBackendConfig& config, Around& around);
Result<BackendParts> make_parts(const std::string& name, const RbdBackendConfig& config, Around& around);

}  // namespace blockplug
