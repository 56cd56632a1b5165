// SPDX-License-Identifier: Apache-2.0
#pragma once
// What can be said of a request without looking at anything. Pure; InvalidArgument says what is wrong.
#include "volume-plugin/door/requests.h"

namespace blockplug {

inline const TargetId kHost("host");

Status check(const WantedAttachment& wanted);
Status check(const WantedDetachment& wanted);
Error force_is_for_vms();

// Which rung a path is, at this target.
RungId leaf_at(const TargetId& target, const std::string& path);

}  // namespace blockplug
