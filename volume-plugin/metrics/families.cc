// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/metrics/families.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace blockplug {
namespace {
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr State kStates[] = {State::Attached, State::Degraded, State::Attaching, State::Detaching, State::Waiting, State::Uncertain,
                             State::Stuck,    State::Broken,   State::Fenced,    State::Failed,    State::Orphan};

void add_attachments(std::vector<MetricFamily>& all, const Metrics::Reading& reading, const Metrics::About& about) {
  FamilyMaker attachments(MetricType::Gauge, "blockplug_attachments", "Attachments by desired and actual state.");
  FamilyMaker rungs(MetricType::Gauge, "blockplug_rungs", "Rungs of attachments by their state.");
  // A state that nothing is in is 0, not absent: an alert can be written on it.
  for (const auto& backend : about.backends)
    for (const auto state : kStates)
      attachments.add({{"backend", backend},
                       {"target", "host"},
                       {"desired", state == State::Detaching ? "detached" : "attached"},
                       {"state", to_text(state)}},
                      0);
  for (const auto& report : reading.attachments) {
    const std::string state = to_text(report.state);
    attachments.add({{"backend", backend_of(report.key.volume)},
                     {"target", kind_of(report.key.target)},
                     {"desired", report.is_desired ? "attached" : "detached"},
                     {"state", state}},
                    1);
    for (const auto& rung : report.rungs)
      if (rung.state != "down") rungs.add({{"rung", rung.rung.kind.str()}, {"state", rung.state}}, 1);
  }
  for (const auto& each : {attachments, rungs}) all.push_back(each.family());
}

void add_queue(std::vector<MetricFamily>& all, const Metrics::Reading& reading) {
  FamilyMaker queue(MetricType::Gauge, "blockplug_queue_entries",
                    "Steps and orders that run or wait, as `blockplug queue` shows them.");
  FamilyMaker attempts(MetricType::Gauge, "blockplug_most_attempts",
                       "Failed attempts of the step or order that has failed most often in a row.");
  for (const char* state : {"running", "waiting", "retrying", "queued"}) queue.add({{"state", state}}, 0);
  attempts.most({}, 0);
  for (const auto& entry : reading.queue) {
    queue.add({{"state", entry.state}}, 1);
    attempts.most({}, entry.attempts);
  }
  for (const auto& report : reading.attachments) attempts.most({}, report.attempts);
  for (const auto& each : {queue, attempts}) all.push_back(each.family());
}

void add_vms(std::vector<MetricFamily>& all, const Metrics::Reading& reading) {
  FamilyMaker vms(MetricType::Gauge, "blockplug_vms", "VMs of this node by the state of their monitor.");
  FamilyMaker disks(MetricType::Gauge, "blockplug_vm_disks", "Disks that are plugged into VMs of this node.");
  FamilyMaker slots(MetricType::Gauge, "blockplug_vm_free_slots", "Free slots for disks of the running VM that has fewest.");
  vms.add({{"state", "running"}}, 0);
  disks.add({}, 0);
  int fewest = -1;
  for (const auto& vm : reading.vms) {
    vms.add({{"state", vm.state}}, 1);
    disks.add({}, vm.disks);
    if (vm.state == "running") fewest = fewest < 0 ? vm.free_slots : std::min(fewest, vm.free_slots);
  }
  if (fewest >= 0) slots.add({}, fewest);
  for (const auto& each : {vms, disks, slots}) all.push_back(each.family());
}

void add_store(std::vector<MetricFamily>& all, const Metrics::Reading& reading) {
  FamilyMaker commits(MetricType::Counter, "blockplug_store_commits_total", "Transactions of the store.");
  FamilyMaker low(MetricType::Gauge, "blockplug_store_low_on_space", "1: the disk of state_dir is full, so nothing new is begun.");
  commits.add({{"outcome", "ok"}}, static_cast<double>(reading.store_commits));
  commits.add({{"outcome", "failed"}}, static_cast<double>(reading.failed_store_commits));
  low.add({}, reading.is_store_low_on_space ? 1 : 0);
  for (const auto& each : {commits, low}) all.push_back(each.family());
}

// The names that every Prometheus client uses for them.
void add_process(std::vector<MetricFamily>& all) {
  FamilyMaker memory(MetricType::Gauge, "process_resident_memory_bytes", "Resident memory size in bytes.");
  FamilyMaker descriptors(MetricType::Gauge, "process_open_fds", "Number of open file descriptors.");
  std::uint64_t total{}, resident{};
  if (std::ifstream{"/proc/self/statm"} >> total >> resident)
    memory.add({}, static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  std::error_code failed;
  const std::filesystem::directory_iterator open{"/proc/self/fd", failed};
  if (!failed) descriptors.add({}, static_cast<double>(std::distance(open, std::filesystem::directory_iterator())));
  for (const auto& each : {memory, descriptors}) all.push_back(each.family());
}
}  // namespace

FamilyMaker::FamilyMaker(MetricType type, std::string name, std::string help)
    : type_(type), name_(std::move(name)), help_(std::move(help)) {}

void FamilyMaker::add(const Labels& labels, double value) { values_[labels] += value; }

void FamilyMaker::most(const Labels& labels, double value) {
  auto& kept = values_[labels];
  kept = std::max(kept, value);
}

MetricFamily FamilyMaker::family() const {
  MetricFamily family{name_, help_, type_, {}};
  for (const auto& [labels, value] : values_) {
    prometheus::ClientMetric metric;
    for (const auto& [label, text] : labels) metric.label.push_back({label, text});
    (type_ == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    family.metric.push_back(std::move(metric));
  }
  return family;
}

std::vector<MetricFamily> families_of(const Metrics::Reading& reading, const Metrics::About& about) {
  std::vector<MetricFamily> all;
  FamilyMaker build(MetricType::Gauge, "blockplug_build_info", "1, with the version and the node of this daemon.");
  build.add({{"version", about.version}, {"node", about.node}}, 1);
  all.push_back(build.family());
  add_attachments(all, reading, about);
  add_queue(all, reading);
  add_vms(all, reading);
  add_store(all, reading);
  add_process(all);
  std::erase_if(all, [](const MetricFamily& family) { return family.metric.empty(); });
  return all;
}

}  // namespace blockplug
