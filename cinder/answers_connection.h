// SPDX-License-Identifier: Apache-2.0
#pragma once
// An attachment's connection_info, as Cinder's drivers write it. A pure function, private to answers.cc; what becomes options of
// QEMU, krbd or Ceph is checked here.
#include <optional>

#include "cinder/answer_json.h"
#include "cinder/answers.h"

namespace blockplug::cinder {

// nullopt: it is not connected. For drivers other than "rbd" only what all drivers have is read.
Result<std::optional<ConnectionInfo>> connection_in(const Json& attachment);

}  // namespace blockplug::cinder
