// SPDX-License-Identifier: Apache-2.0
#pragma once
// A backend and one daemon's holds on it.
#include <optional>
#include <string>

#include "tests/volume-plugin/local/local_world.h"

namespace blockplug::local::testing {

class LocalHoldTest : public LocalWorld {
 protected:
  Adoption vm_is(std::optional<pid_t> pid) {
    return {.vm_process = [pid](const TargetId& target) { return target.str() == "vm:web-0" ? pid : std::nullopt; }};
  }
  Error refusal(LocalHold& hold, Asking& asking) {
    auto refused = error(hold.raise(asking.call()));
    EXPECT_EQ(refused.code, Code::FailedPrecondition) << refused.message;
    EXPECT_EQ(refused.effect, Effect::None) << refused.message;
    return refused;
  }
  void expect_text(const std::string& message, const std::string& part) {
    EXPECT_NE(message.find(part), std::string::npos) << "'" << part << "' is not in: " << message;
  }
  LocalHold hold_{backend_->directory(), {}};
};

}  // namespace blockplug::local::testing
