// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/admin/convert.h"

#include <google/protobuf/util/time_util.h>

namespace blockplug::admin {
namespace {

void set_time(google::protobuf::Timestamp* to, WallClock::time_point time) {
  const auto since_epoch = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  to->set_seconds(seconds.count());
  to->set_nanos(static_cast<std::int32_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch - seconds).count()));
}

bool is_set(WallClock::time_point time) { return time != WallClock::time_point{}; }

// The device as the highest rung that makes one says.
std::string device_of(const AttachmentReport& report) {
  std::string device;
  for (const auto& rung : report.rungs)
    if (const auto fact = rung.facts.find("device"); fact != rung.facts.end() && rung.mark != "down") device = fact->second;
  return device;
}

// What keeps it: the reason that names another attachment.
std::string holder_of(const AttachmentReport& report) {
  static const std::string kHolds = " still holds the image";
  for (const auto& reason : report.reasons)
    if (reason.ends_with(kHolds)) return reason.substr(0, reason.size() - kHolds.size());
  return {};
}

v1::Holder to_message(const VolumeHolder& holder) {
  v1::Holder message;
  message.set_node(holder.node);
  message.set_target(holder.target);
  message.set_access(holder.access == Access::ReadOnly ? "read-only" : "read-write");
  google::protobuf::Timestamp since;
  if (google::protobuf::util::TimeUtil::FromString(holder.since, &since)) *message.mutable_since() = since;
  for (const auto& client : holder.clients) message.add_clients(client);
  return message;
}

}  // namespace

v1::Attachment to_message(const AttachmentReport& report) {
  v1::Attachment message;
  message.set_volume(report.key.volume.str());
  message.set_backend(backend_of(report.key.volume));
  message.set_target(report.key.target.str());
  message.set_desired(report.is_wished ? "attached" : "detached");
  message.set_state(to_text(report.state));
  if (report.highest) message.set_rung(to_text(*report.highest));
  message.set_device(device_of(report));
  for (const auto& [id, leaf] : report.leaves) {
    auto* path = message.add_paths();
    path->set_path(id.leaf);
    path->set_read_only(leaf.spec.access == Access::ReadOnly || report.spec.access == Access::ReadOnly);
    path->set_block(id.kind == RungKind::Publish && report.spec.filesystem.empty());
  }
  if (report.state == State::Orphan)  // nobody wished for its paths
    for (const auto& rung : report.rungs)
      if (!rung.rung.leaf.empty()) message.add_paths()->set_path(rung.rung.leaf);
  message.set_read_only(report.spec.access == Access::ReadOnly);
  message.set_size_bytes(report.spec.size_bytes);
  message.set_holder(holder_of(report));
  message.set_attempts(report.attempts);
  if (report.last_error) message.set_last_error(report.last_error->message);
  if (report.next_try) set_time(message.mutable_next_try(), *report.next_try);
  if (is_set(report.since)) set_time(message.mutable_since(), report.since);
  return message;
}

v1::Explanation to_explanation(const AttachmentReport& report) {
  v1::Explanation message;
  *message.mutable_attachment() = to_message(report);
  for (const auto& rung : report.rungs) {
    auto* line = message.add_rungs();
    line->set_name(to_text(rung.rung));
    line->set_mark(rung.mark);
    for (const auto& [name, value] : rung.facts) (*line->mutable_facts())[name] = value;
    line->set_waiting_for(rung.waiting_for);
    line->set_note(rung.note);
    if (is_set(rung.since)) set_time(line->mutable_since(), rung.since);
  }
  for (const auto& reason : report.reasons) message.add_reasons(reason);
  if (report.running) {
    const auto& running = *report.running;
    message.set_running(running.step + ", for " + std::to_string(running.age.count()) + " ms (limit " + std::to_string(running.limit.count()) + " ms)");
    message.set_operation(running.operation);
  }
  return message;
}

v1::Volume to_message(const VolumeInfo& info) {
  v1::Volume message;
  message.set_id(info.id.str());
  message.set_backend(backend_of(info.id));
  message.set_size_bytes(info.size_bytes);
  if (is_set(info.created)) set_time(message.mutable_created(), info.created);
  for (const auto& [name, value] : info.details) (*message.mutable_details())[name] = value;
  for (const auto& [name, value] : info.limits) (*message.mutable_limits())[name] = value;
  for (const auto& holder : info.holders) *message.add_holders() = to_message(holder);
  for (const auto& watcher : info.watchers) message.add_watchers(watcher);
  return message;
}

v1::Snapshot to_message(const Door::Snapshot& snapshot) {
  v1::Snapshot message;
  message.set_id(snapshot.volume.str() + "@" + snapshot.info.name);
  message.set_volume(snapshot.volume.str());
  message.set_name(snapshot.info.name);
  message.set_size_bytes(snapshot.info.size_bytes);
  if (is_set(snapshot.info.created)) set_time(message.mutable_created(), snapshot.info.created);
  for (const auto& clone : snapshot.info.clones) message.add_clones(clone);
  return message;
}

v1::QueueItem to_message(const QueueEntry& entry) {
  v1::QueueItem message;
  message.set_volume(entry.volume.str());
  message.set_what(entry.what);
  message.set_operation(entry.operation);
  message.set_state(entry.state);
  message.set_note(entry.note);
  message.set_attempts(entry.attempts);
  if (entry.next_try) set_time(message.mutable_next_try(), *entry.next_try);
  return message;
}

v1::PlanItem to_message(const PlanEntry& entry) {
  v1::PlanItem message;
  message.set_volume(entry.volume.str());
  message.set_step(entry.step);
  for (const auto& reason : entry.reasons) message.add_reasons(reason.subject + ": " + reason.text);
  return message;
}

v1::Orphan to_message(const Door::Orphan& orphan) {
  v1::Orphan message;
  message.set_volume(orphan.key.volume.str());
  message.set_target(orphan.key.target.str());
  for (const auto& thing : orphan.things) message.add_things(thing);
  message.set_repaired(orphan.is_repaired);
  message.set_problem(orphan.problem);
  return message;
}

v1::Check to_message(const doctor::Check& check) {
  v1::Check message;
  message.set_name(check.name);
  message.set_state(doctor::to_text(check.state));
  message.set_found(check.found);
  message.set_remedy(check.remedy);
  message.set_needed_for(check.needed_for);
  return message;
}

v1::Vm to_message(const VmState& vm) {
  v1::Vm message;
  message.set_id(vm.id);
  message.set_state(vm.state);
  message.set_socket(vm.socket);
  if (vm.process) message.set_pid(vm.process->pid);
  message.set_bus(vm.bus);
  message.set_disks(vm.disks);
  message.set_free_slots(vm.free_slots);
  message.set_why(vm.why);
  return message;
}

}  // namespace blockplug::admin
