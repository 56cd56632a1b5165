// SPDX-License-Identifier: Apache-2.0
#pragma once
// Volumes and rungs that cost nothing, to measure only the daemon around them. Any name is a volume. The rungs form the production
// ladder of local volumes in VMs and keep no state: a rung with facts in the store is up.
#include <optional>

#include "attach-detach/world.h"
#include "volume-plugin/daemon/backends.h"

namespace blockplug::bench {

// A BackendMaker: one fake for each backend that is configured.
Result<std::vector<BackendParts>> make_fake_backends(const Config& config, const std::optional<Machine>& machine);

// An attachment as the fakes leave it when it is complete: the trunk of its target, and perhaps a leaf on it.
Volume attached_volume(const AttachmentKey& key, std::int64_t desired_number, const std::optional<RungId>& leaf = {});

}  // namespace blockplug::bench
