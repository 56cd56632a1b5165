// SPDX-License-Identifier: Apache-2.0
#pragma once
// The QMP client of a volume's qemu-storage-daemon: one connection per call of the mapper, no state in between. It knows the
// commands and the daemon's objects; FuseMap knows their order.
//
// One thread. Every command has a deadline. A command that is not answered in time is not sent again: the daemon serves no other
// command until it has finished, so the next connection sees the result.
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/rung.h"
#include "hotplug/host/storage_daemon/fuse_home.h"
#include "hotplug/vm/inventory.h"
#include "hotplug/vm/node_source.h"
#include "hotplug/vm/qmp/client.h"

namespace blockplug::fuse {

class StorageDaemon {
 public:
  struct State {
    std::optional<ThrottleLimits> limits;  // limits of the throttle group
    std::optional<BlockNode> node;
    bool has_export{};
    std::vector<std::string> secrets;  // secrets that a crash left behind
  };
  // Gone: no such process. Silent: it is running, or may be, and does not answer; `why` names it.
  struct Reached;
  static Reached reach(const FuseHome& home, const std::optional<ProcessId>& recorded, Time deadline);

  const ProcessId& process() const { return process_; }
  // QEMU reads the image to describe a node, and blocks if that does not answer: use Whole only after the storage has
  // answered. Name only tells whether the node exists.
  enum class Detail : std::uint8_t { Name, Whole };
  Result<State> state(const Call& call, Detail detail);
  Status set_limits(const Call& call, const State& state, const ThrottleLimits& wanted);
  Status add_node(const Call& call, const NodeRecipe& recipe);
  Status resize(const Call& call, std::int64_t size_bytes);  // a smaller size would truncate the image
  Status forget_secrets(const Call& call, const State& state);
  Status add_export(const Call& call, const std::filesystem::path& file);
  Status remove_export(const Call& call);  // waits until it is gone
  Status remove_node(const Call& call);    // and its throttle group
  Status quit(const Call& call);

 private:
  StorageDaemon(std::unique_ptr<qmp::Client> client, ProcessId process)
      : client_(std::move(client)), process_(std::move(process)) {}
  Result<nlohmann::json> ask(const Call& call, std::string_view command, const nlohmann::json& arguments);
  Status tell(const Call& call, std::string_view command, const nlohmann::json& arguments);
  Result<bool> has_export(const Call& call);
  Status put_trim(const Call& call, const ThrottleLimits& limits);
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

}  // namespace blockplug::fuse
