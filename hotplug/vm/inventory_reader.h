// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reads a VM's whole inventory by asking QEMU. Decides nothing and keeps nothing. The questions are few for what is not ours:
// a bus is asked who is on it (query-pci shows nothing behind a root port before the firmware ran).
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "attach-detach/ids.h"
#include "hotplug/vm/inventory.h"

namespace blockplug {

using AskQemu = std::function<Result<nlohmann::json>(std::string_view command, const nlohmann::json& arguments)>;

// Does the storage of this volume answer? Asked by our own process, before what QEMU could only answer by reading the image.
using StorageAnswers = std::function<Status(const VolumeId&)>;

// `known`: what was read before from the same process, or nullptr. Where QEMU would stand still over a storage that does not answer,
// or cannot read an image (query-named-block-nodes of 7.2 reads the start of every RBD image in the main loop, and fails as a whole),
// nodes are only named, and what was known of them before stays.
Result<Inventory> read_inventory(const AskQemu& ask, const Inventory* known, const StorageAnswers& answers = {});

// One entry of query-named-block-nodes; exported for the tables in tests.
BlockNode parse_node(const nlohmann::json& entry);
ThrottleLimits parse_limits(const nlohmann::json& limits);

}  // namespace blockplug
