// SPDX-License-Identifier: Apache-2.0
#pragma once
// A short report on one object: its name, then "label  value" lines. Also the format of times that reports share.
#include <google/protobuf/timestamp.pb.h>

#include <string>
#include <utility>
#include <vector>

#include "attach-detach/outcome.h"

namespace blockplug::cli {

// "3m"
std::string age_of(const google::protobuf::Timestamp& since, WallClock::time_point now);
// "2026-05-01T10:00:00Z, 3m ago", "2026-05-01T10:00:00Z, in 4s"
std::string moment(const google::protobuf::Timestamp& time, WallClock::time_point now);

class Report {
 public:
  explicit Report(const std::string& title);
  // A label repeated in the next row is printed once. An empty value is left out; trailing spaces are cut.
  void add(const std::string& label, const std::string& value);
  std::string text() const;

 private:
  std::string title_;
  std::vector<std::pair<std::string, std::string>> lines_;
};

}  // namespace blockplug::cli
