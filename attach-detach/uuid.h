// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <fstream>
#include <string>

#include "attach-detach/check.h"

namespace blockplug {

inline std::string new_uuid() {  // random: "0b9f0a3c-7f6e-4f2e-9b1d-6a3f0c9d8e7f"
  std::string uuid;
  std::ifstream("/proc/sys/kernel/random/uuid") >> uuid;
  CHECK(uuid.size() == 36);
  return uuid;
}

}  // namespace blockplug
