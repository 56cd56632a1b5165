// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reads a VM's complete inventory from QEMU. Makes no decisions and keeps no state. Other devices cost few queries: only the
// members of each bus are listed (query-pci shows nothing behind a root port before the firmware has run).
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "attach-detach/ids.h"
#include "hotplug/vm/inventory.h"

namespace blockplug {

using AskQemu = std::function<Result<nlohmann::json>(std::string_view command, const nlohmann::json& arguments)>;

// Does the storage of this volume answer? Checked by this process, before queries that QEMU answers by reading the image.
using StorageAnswers = std::function<Status(const VolumeId&)>;

// `known`: the previous reading of the same process, or nullptr. If QEMU would block on storage that does not answer, or cannot
// read an image (query-named-block-nodes of 7.2 reads the start of every RBD image in the main loop, and fails as a whole), nodes
// are only listed by name, with the details of the previous reading.
Result<Inventory> read_inventory(const AskQemu& ask, const Inventory* known, const StorageAnswers& answers = {});

// One entry of query-named-block-nodes; exported for the tables in tests.
BlockNode parse_node(const nlohmann::json& entry);
ThrottleLimits parse_limits(const nlohmann::json& limits);

}  // namespace blockplug
