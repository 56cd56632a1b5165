// SPDX-License-Identifier: Apache-2.0
#pragma once
// Families of metrics that are read when Prometheus asks. For this folder's .cc files only, because it includes prometheus-cpp.
#include <prometheus/metric_family.h>

#include <map>
#include <string>
#include <vector>

#include "volume-plugin/metrics/metrics.h"

namespace blockplug {

using Labels = std::map<std::string, std::string>;

// One gauge or counter with its values by labels.
class FamilyMaker {
 public:
  FamilyMaker(prometheus::MetricType type, std::string name, std::string help);
  void add(const Labels& labels, double value);   // to what they have already
  void most(const Labels& labels, double value);  // where it is more than what they have already
  prometheus::MetricFamily family() const;

 private:
  const prometheus::MetricType type_;
  const std::string name_, help_;
  std::map<Labels, double> values_;
};

std::vector<prometheus::MetricFamily> families_of(const Metrics::Reading& reading, const Metrics::About& about);

}  // namespace blockplug
