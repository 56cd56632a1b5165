// SPDX-License-Identifier: Apache-2.0
#pragma once
// A password, a token, an application credential's secret. It cannot be printed, compared or converted by accident; access is
// explicit.
#include <string>
#include <utility>

namespace blockplug::cinder {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  bool empty() const { return text_.empty(); }
  // Only to send it to Keystone or Cinder; never for a log, an error, a command line or the store.
  const std::string& reveal() const { return text_; }

 private:
  std::string text_;
};

}  // namespace blockplug::cinder
