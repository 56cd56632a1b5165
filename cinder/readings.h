// SPDX-License-Identifier: Apache-2.0
#pragma once
// Attachments as Cinder had them a moment ago, by id: the probes of one attachment's rungs share them (Call::doubted_at).
//
// One per cloud, used by its rungs; thread-safe; blocks.
#include <memory>
#include <string>

#include "attach-detach/shared_readings.h"
#include "cinder/api.h"

namespace blockplug::cinder {

class Readings {
 public:
  explicit Readings(Api& api) : api_(api) {}
  Result<std::shared_ptr<const Attachment>> read(const std::string& attachment, Time doubted_at, const Patience& patience) {
    return readings_.since(doubted_at, attachment, [&] { return api_.attachment(attachment, patience); });
  }
  void forget(const std::string& attachment) { readings_.forget(attachment); }  // it was changed

 private:
  Api& api_;
  SharedReadings<std::string, Attachment> readings_;
};

}  // namespace blockplug::cinder
