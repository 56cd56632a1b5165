// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "volume-plugin/metrics/families.h"

namespace blockplug {
namespace {
using prometheus::Family;
using prometheus::Histogram;

// A plug takes milliseconds, a mkfs or a cluster that is away minutes.
const Histogram::BucketBoundaries kSeconds{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 600};

double seconds(std::chrono::milliseconds took) { return std::chrono::duration<double>(took).count(); }
std::string outcome_of(const std::optional<Code>& error) { return error ? to_text(*error) : "OK"; }

const char* outcome_of(StepEnd::Outcome outcome) {
  switch (outcome) {
    case StepEnd::Outcome::Done: return "done";
    case StepEnd::Outcome::Waiting: return "waiting";
    case StepEnd::Outcome::Failed: return "failed";
  }
  return "";
}

Family<Histogram>& durations(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}
}  // namespace

struct Metrics::Kept {
  prometheus::Registry registry;
  Family<Histogram>& calls =
      durations(registry, "blockplug_operation_duration_seconds",
                "Calls at the door (attach, create, …) from the request to its answer, by the answer's code.");
  Family<Histogram>& steps =
      durations(registry, "blockplug_step_duration_seconds", "Raising, lowering and probing of rungs, one attempt each.");
  Family<Histogram>& orders =
      durations(registry, "blockplug_order_duration_seconds", "Orders to a backend (create, resize, fence, …), one attempt each.");
  Family<Histogram>& csi = durations(registry, "blockplug_csi_call_duration_seconds",
                                     "CSI calls by method and gRPC code, from the request to its answer.");
};

Metrics::Metrics(About about) : about_(std::move(about)), kept_(std::make_unique<Kept>()) {}
Metrics::~Metrics() = default;

std::string Metrics::backend_label(const std::string& volume) const {
  const auto backend = volume.substr(0, volume.find('/'));
  return about_.backends.contains(backend) ? backend : std::string{};
}

void Metrics::count(const StepEnd& end) {
  const auto took = seconds(end.took);
  const auto backend = backend_label(end.volume.str());
  const auto* outcome = outcome_of(end.outcome);
  if (end.kind == Step::Kind::Perform)
    kept_->orders.Add({{"kind", end.what}, {"backend", backend}, {"outcome", outcome}}, kSeconds).Observe(took);
  else
    kept_->steps.Add({{"step", to_text(end.kind)}, {"rung", end.what}, {"backend", backend}, {"outcome", outcome}}, kSeconds)
        .Observe(took);
}

void Metrics::count(const DoorCallEnd& end) {
  const prometheus::Labels labels{{"kind", end.kind}, {"backend", backend_label(end.volume)}, {"outcome", outcome_of(end.error)}};
  kept_->calls.Add(labels, kSeconds).Observe(seconds(end.took));
}

void Metrics::count(const csi::CallEnd& end) {
  kept_->csi.Add({{"method", end.method}, {"code", outcome_of(end.error)}}, kSeconds).Observe(seconds(end.took));
}

std::string Metrics::text(const Reading& reading) const {
  auto all = families_of(reading, about_);
  for (auto& family : kept_->registry.Collect()) all.push_back(std::move(family));
  return prometheus::TextSerializer{}.Serialize(all);
}

}  // namespace blockplug
