// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/door/usage.h"

#include <algorithm>
#include <atomic>

#include "attach-detach/printable.h"
#include "attach-detach/roles.h"
#include "volume-plugin/door/attachment_checks.h"

namespace blockplug {
namespace {

// The rung that is mounted at this path: a leaf, by its name, or the trunk's own mount.
const RungReport* mounted_at(const AttachmentReport& report, const std::string& path) {
  const auto found = std::ranges::find_if(report.rungs, [&](const RungReport& rung) {
    const auto at = fact(rung.facts, roles::kMountPath);
    return rung.state != "down" && !at.empty() && (rung.rung.leaf == path || at == path);
  });
  return found == report.rungs.end() ? nullptr : &*found;
}

// Down by itself, as after a fence.
bool is_desired_at(const AttachmentReport& report, const std::string& path) {
  return report.is_desired && (report.spec.staging_path == path ||
                               std::ranges::any_of(report.leaves, [&](const auto& entry) { return entry.first.leaf == path; }));
}

VolumeUsage unreadable(const AttachmentReport& report, const std::string& why) {
  VolumeUsage usage;
  usage.usage.total_bytes = report.spec.size_bytes;
  usage.is_abnormal = true;
  usage.condition = why;
  return usage;
}

// What is at a path of this host: a mount there, or what is handed over there to a VM.
struct Place {
  AttachmentReport report;
  std::string path, number;  // where to read, empty: nowhere now; and of which device, in a guest by its name there
};

std::optional<Place> handed_over_at(const AttachmentReport& report, const std::string& path) {
  if (report.key.target == kHost || !report.is_desired || report.spec.staging_path != path) return std::nullopt;
  // One that is stale or uncertain may be mounted: the guest says whether it is.
  const auto mounted = std::ranges::find_if(report.rungs, [](const RungReport& rung) {
    const bool may_be = rung.state == "up" || rung.state == "stale" || rung.state == "uncertain";
    return !rung.rung.leaf.empty() && may_be && !fact(rung.facts, roles::kGuestDisk).empty();
  });
  if (mounted == report.rungs.end()) return Place{report, {}, {}};
  return Place{report, mounted->rung.leaf, fact(mounted->facts, roles::kGuestDisk)};
}

std::optional<Place> place_at(const std::vector<AttachmentReport>& all, const std::string& path) {
  for (const auto& report : all) {
    if (auto place = handed_over_at(report, path)) return place;
    if (report.key.target != kHost) continue;
    if (const auto* rung = mounted_at(report, path))
      return Place{report, fact(rung->facts, roles::kMountPath), fact(rung->facts, roles::kMountNumber)};
    if (is_desired_at(report, path)) return Place{report, {}, {}};
  }
  return std::nullopt;
}

// A hand-over whose VM is still to come is well, unless something went wrong.
VolumeUsage unread(const AttachmentReport& report) {
  const auto condition = condition_of(report);
  const bool is_well = !condition.is_abnormal && report.key.target != kHost && !report.last_error;
  auto usage = unreadable(report, report.last_error && !condition.is_abnormal ? summary(report) : condition.text);
  usage.is_abnormal = !is_well;
  return usage;
}

// The lane is another volume's.
VolumeUsage not_asked(const AttachmentReport& report) {
  auto usage = unread(report);
  usage.condition += "; its guest's agent was busy with another volume";
  return usage;
}

}  // namespace

Condition condition_of(const AttachmentReport& report) {
  switch (report.state) {
    case State::Attached:
    case State::Attaching:
    case State::Detaching:
    case State::Waiting: return {false, to_text(report.state)};
    case State::Degraded:
    case State::Uncertain:
    case State::Stuck:
    case State::Broken:
    case State::Fenced:
    case State::Failed:
    case State::Orphan: break;
  }
  return {true, std::string(to_text(report.state)) + ": " + summary(report)};
}

DoorCallPtr UsageDoor::usage(const std::string& text, const std::string& path, Time deadline, UsageAnswer unsafe) {
  auto call = calls_.begin("usage", text);
  auto answer = Calls::once<VolumeUsage>(call, std::move(unsafe));
  calls_.runner().post([this, call, answer, text, path, deadline] {
    const auto place = place_at(calls_.manager().of_volume(VolumeId(text)), path);
    if (place && place->path.empty()) return answer(unread(place->report));
    if (!place)
      return answer(no_effect(Code::NotFound, "volume '" + printable(text) + "' is not attached at " + printable(path) + " here"));
    const auto key = place->report.key;
    auto found = std::make_shared<Result<mount::Usage>>(no_effect(Code::Internal, "not read"));
    const auto has_begun = std::make_shared<std::atomic<bool>>(false);
    const auto work = [this, found, key, deadline, has_begun, at = place->path, number = place->number]() -> Job::Answer {
      *has_begun = true;
      *found = targets_.usage(key, at, number, deadline);
      return Attempt{Done{}};
    };
    const auto tell = [this, answer, found, key](const Job::Answer&) {
      const auto now = calls_.manager().explain(key);
      if (!now) return answer(no_effect(Code::NotFound, to_text(key) + ": it was detached meanwhile"));
      if (!found->ok()) return answer(unreadable(*now, found->error().message));
      const auto condition = condition_of(*now);
      answer(VolumeUsage{**found, condition.is_abnormal, condition.text});
    };
    // Its own lane, one at a time: a file system that does not answer delays only the next such question, which has its deadline
    // too.
    // An agent in a guest serves one client at a time, and the rungs use it too.
    const auto lane = key.target == kHost ? "usage:" + text : lane_of(LaneScope::Guest, key);
    calls_.runner().start({lane, Turn::Up, work, tell});
    const auto end = [call, answer, has_begun, report = place->report] {
      if (call->is_over) return;
      if (report.key.target != kHost && !*has_begun) return answer(not_asked(report));
      answer(unreadable(report, "the file system does not answer; check the storage below it"));
    };
    calls_.runner().at(deadline, end, call->until_over);
  });
  return call;
}

}  // namespace blockplug
