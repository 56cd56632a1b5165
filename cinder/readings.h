// SPDX-License-Identifier: Apache-2.0
#pragma once
// Attachments as Cinder had them a moment ago: the probes of one attachment's rungs share a reading that began after their doubt, a
// failed one too (Call::doubted_at).
//
// One per cloud, used by its rungs; thread-safe; blocks.
#include <map>
#include <mutex>
#include <string>

#include "cinder/api.h"

namespace blockplug::cinder {

class Readings {
 public:
  explicit Readings(Api& api) : api_(api) {}
  Result<Attachment> read(const std::string& attachment, Time doubted_at, const Patience& patience);
  void forget(const std::string& attachment);  // it was changed

 private:
  struct Reading {
    Time begun_at;
    Result<Attachment> answer;
  };
  Api& api_;
  std::mutex mutex_;  // guards readings_
  std::map<std::string, Reading> readings_;
};

}  // namespace blockplug::cinder
