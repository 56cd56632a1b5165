// SPDX-License-Identifier: Apache-2.0
#pragma once
// A volume's qemu-storage-daemon, as its QMP monitor is talked to: one connection per call of the mapper, nothing kept between.
// It knows the commands and what is in there; FuseMap knows their order.
//
// One thread. Every command has a deadline. One that is not answered in time is not sent again: the daemon is deaf until it has
// ended, so that whoever connects next hears what came of it.
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/rung.h"
#include "ceph/map/fuse_home.h"
#include "hotplug/qmp/client.h"
#include "hotplug/vm/inventory.h"
#include "hotplug/vm/node_source.h"

namespace blockplug::rbd {

class StorageDaemon {
 public:
  struct State {
    std::optional<ThrottleLimits> limits;  // of the throttle group
    std::optional<BlockNode> node;
    bool has_export{};
    std::vector<std::string> secrets;  // that a crash left in it
  };
  // Gone: none lives (any more). Silent: one lives, or may, and does not answer: `why` names it.
  struct Reached;
  static Reached reach(const FuseHome& home, const std::optional<ProcessId>& recorded, Time deadline);

  const ProcessId& process() const { return process_; }
  // QEMU reads from the image when it is asked what a node is, and stands still where the cluster does: Whole only after the
  // cluster was heard. By Name the node is merely there.
  enum class Detail : std::uint8_t { Name, Whole };
  Result<State> state(const Call& call, Detail detail);
  Status set_limits(const Call& call, const State& state);
  Status add_node(const Call& call, const NodeRecipe& recipe);
  Status resize(const Call& call, std::int64_t size_bytes);  // smaller would cut the image
  Status forget_secrets(const Call& call, const State& state);
  Status add_export(const Call& call, const std::filesystem::path& file);
  Status remove_export(const Call& call);  // and waits until it is gone
  Status remove_node(const Call& call);    // and its group
  Status quit(const Call& call);

 private:
  StorageDaemon(std::unique_ptr<qmp::Client> client, ProcessId process)
      : client_(std::move(client)), process_(std::move(process)) {}
  Result<nlohmann::json> ask(const Call& call, std::string_view command, const nlohmann::json& arguments);
  Status tell(const Call& call, std::string_view command, const nlohmann::json& arguments);
  Result<bool> has_export(const Call& call);
  Result<nlohmann::json> named_nodes(const Call& call, Detail detail);

  std::unique_ptr<qmp::Client> client_;
  ProcessId process_;
};

struct StorageDaemon::Reached {
  enum class Kind : std::uint8_t { Gone, Silent, Here };
  Kind kind{};
  std::string why;
  std::unique_ptr<StorageDaemon> daemon;  // where Here
};

}  // namespace blockplug::rbd
