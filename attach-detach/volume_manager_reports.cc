// SPDX-License-Identifier: Apache-2.0
// The Volume Manager's answers to people: list, explain, queue, plan.
#include <algorithm>

#include "attach-detach/volume_manager.h"

namespace blockplug {
namespace {

// Each rung's survey ends when it ends; a ladder is told from its bottom. `ladder`: nullptr where no backend has it.
AttachmentReport orphan_report(const AttachmentKey& key, const Ladder* ladder, std::vector<Found> things) {
  const auto height_of = [&](const Found& thing) {
    std::size_t height = 0;
    while (ladder != nullptr && height < ladder->trunk.size() && ladder->trunk[height].kind != thing.kind) ++height;
    return height;
  };
  std::stable_sort(things.begin(), things.end(),
                   [&](const Found& one, const Found& other) { return height_of(one) < height_of(other); });
  AttachmentReport report;
  report.key = key;
  report.state = State::Orphan;
  for (const auto& found : things) {
    report.highest = found.kind;
    report.rungs.push_back({{found.kind, found.leaf}, "up", found.facts, {}, found.what, {}});
    report.reasons.push_back(found.what + " has our marker but no record");
  }
  report.reasons.emplace_back("it stays until it is attached again (which adopts it) or removed with `blockplug repair`");
  return report;
}

std::optional<WallClock::time_point> to_wall(const Runner& runner, const std::optional<Time>& time) {
  if (!time || *time <= runner.now()) return std::nullopt;
  return runner.wall() + std::chrono::duration_cast<WallClock::duration>(*time - runner.now());
}

QueueEntry entry_of(const Runner& runner, const OrderRecord& record, bool is_running) {
  QueueEntry entry;
  entry.volume = record.order.volume;
  entry.what = "order " + std::to_string(record.order.id) + " (" + to_text(record.order.kind) + ")";
  entry.operation = record.operation;
  entry.attempts = record.tries.attempts;
  entry.state = is_running ? "running" : record.waiting ? "waiting" : record.last_error ? "retrying" : "queued";
  if (record.waiting)
    entry.note = record.waiting->for_what;
  else if (record.last_error)
    entry.note = record.last_error->message;
  entry.next_try = to_wall(runner, record.tries.not_before);
  return entry;
}

}  // namespace

AttachmentReport VolumeManager::report(const Volume& volume, const Attachment& attachment) const {
  const auto decision = plan(volume, world_.sharing_image(volume), parts_.ladders, parts_.runner.now(), world_.leaf_waits(volume));
  return report_on({volume, attachment, parts_.ladders.find(attachment.key), executor_.running(volume.id), decision,
                    parts_.runner.now(), parts_.runner.wall()});
}

std::vector<AttachmentReport> VolumeManager::list() const {
  std::vector<AttachmentReport> reports;
  for (const auto& [id, volume] : world_.volumes)
    for (const auto& [target, attachment] : volume.attachments) reports.push_back(report(volume, attachment));
  for (const auto& [key, things] : orphans_.known()) reports.push_back(orphan_report(key, parts_.ladders.find(key), things));
  return reports;
}

std::optional<AttachmentReport> VolumeManager::explain(const AttachmentKey& key) const {
  for (auto& candidate : of_volume(key.volume))
    if (candidate.key == key) return candidate;
  return std::nullopt;
}

std::vector<AttachmentReport> VolumeManager::of_volume(const VolumeId& id) const {
  std::vector<AttachmentReport> reports;
  if (const auto* volume = world_.find(id))
    for (const auto& [target, attachment] : volume->attachments) reports.push_back(report(*volume, attachment));
  for (const auto& [key, things] : orphans_.known())
    if (key.volume == id) reports.push_back(orphan_report(key, parts_.ladders.find(key), things));
  return reports;
}

std::vector<QueueEntry> VolumeManager::queue() const {
  std::vector<QueueEntry> entries;
  for (const auto& [id, volume] : world_.volumes) {
    const auto* running = executor_.running(id);
    if (running != nullptr && running->step.kind != Step::Kind::Perform)
      entries.push_back(
          {id, to_text(running->step), running->operation, running->is_in_lane ? "running" : "writing its intent", {}, 0, {}});
    for (const auto& record : volume.orders)
      entries.push_back(entry_of(parts_.runner, record, running != nullptr && running->step.order == record.order.id));
  }
  return entries;
}

std::vector<PlanEntry> VolumeManager::plan_all() const {
  std::vector<PlanEntry> entries;
  for (const auto& [id, volume] : world_.volumes) {
    const auto decision =
        plan(volume, world_.sharing_image(volume), parts_.ladders, parts_.runner.now(), world_.leaf_waits(volume));
    if (decision.step || !decision.reasons.empty())
      entries.push_back({id, decision.step ? to_text(*decision.step) : std::string{}, decision.reasons});
  }
  return entries;
}

}  // namespace blockplug
