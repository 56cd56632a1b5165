// SPDX-License-Identifier: Apache-2.0
#pragma once
// The words of the command line as the door's requests: which of its flags go together, and what they mean there.
#include <optional>
#include <string>

#include "attach-detach/volume_manager.h"
#include "volume-plugin/admin/admin.pb.h"
#include "volume-plugin/door/lookups.h"
#include "volume-plugin/door/requests.h"

namespace blockplug::admin {

Result<WantedAttachment> wanted_attachment(const v1::AttachRequest& request, std::string operation);

// Without a VM and a path its target is empty: wherever it is, see only_target_of.
Result<WantedDetachment> wanted_detachment(const v1::DetachRequest& request, std::string operation);

// The one target that the volume is attached to; none: it is attached nowhere. FailedPrecondition: to several. Core thread.
Result<std::optional<TargetId>> only_target_of(const VolumeManager& manager, const VolumeId& volume);

// The backend that is named, or the only one. InvalidArgument: there are several.
Result<std::string> backend_or_only(const std::string& named, const BackendsByName& backends);

}  // namespace blockplug::admin
