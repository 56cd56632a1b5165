// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reads a VM's whole inventory by asking QEMU. Decides nothing and keeps nothing. The questions are few for what is not ours:
// a bus is asked who is on it (query-pci shows nothing behind a root port before the firmware ran).
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "hotplug/vm/inventory.h"

namespace blockplug {

using AskQemu = std::function<Result<nlohmann::json>(std::string_view command, const nlohmann::json& arguments)>;

// `known`: the layout as read before from the same process, or nullptr.
Result<Inventory> read_inventory(const AskQemu& ask, const Layout* known);

// One entry of query-named-block-nodes; exported for the tables in tests.
BlockNode parse_node(const nlohmann::json& entry);
ThrottleLimits parse_limits(const nlohmann::json& limits);

}  // namespace blockplug
