// SPDX-License-Identifier: Apache-2.0
#pragma once
// What Prometheus is told of this daemon. Counters and histograms are kept as things end; the rest is read when it is asked for.
// Names, labels and units (seconds, bytes) by https://prometheus.io/docs/practices/naming/; every label has few values: a volume's
// or a caller's name is in none.
//
// Owned by the daemon; thread-safe.
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "attach-detach/report.h"
#include "hotplug/vm/vms.h"
#include "volume-plugin/csi/settings.h"
#include "volume-plugin/door/call.h"

namespace blockplug {

class Metrics {
 public:
  struct About {
    std::string version, node;
    std::set<std::string> backends;  // any other one, which a caller may have made up, is counted as ""
  };
  explicit Metrics(About about);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void count(const StepEnd& end);
  void count(const DoorCallEnd& end);
  void count(const csi::CallEnd& end);

  // What is so now.
  struct Reading {
    std::vector<AttachmentReport> attachments;  // with the orphans
    std::vector<QueueEntry> queue;
    std::vector<VmState> vms;
    std::uint64_t store_commits{}, failed_store_commits{};
    bool is_store_low_on_space{};
  };
  std::string text(const Reading& reading) const;  // Prometheus' text format 0.0.4

 private:
  std::string backend_label(const std::string& volume) const;
  const About about_;
  struct Kept;
  const std::unique_ptr<Kept> kept_;
};

}  // namespace blockplug
