// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/admin/convert.h"

#include <google/protobuf/util/time_util.h>

#include "attach-detach/roles.h"
#include "attach-detach/utf8.h"
#include "hotplug/rungs.h"

namespace blockplug::admin {
namespace {

void set_time(google::protobuf::Timestamp* to, WallClock::time_point time) {
  const auto since_epoch = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  to->set_seconds(seconds.count());
  to->set_nanos(static_cast<std::int32_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch - seconds).count()));
}

bool is_set(WallClock::time_point time) { return time != WallClock::time_point{}; }

// The device as the highest rung that makes one says: in the VM's QEMU, or on the host.
std::string device_of(const AttachmentReport& report) {
  std::string device;
  for (const auto& rung : report.rungs)
    for (const auto* role : {roles::kDevicePath, roles::kGuestDevice})
      if (const auto fact = rung.facts.find(role); fact != rung.facts.end() && rung.state != "down") device = fact->second;
  return device;
}

// The holder: the reason that names another attachment.
// Of the lowest rung that has something to say: what is above waits for it.
std::string note_of(const AttachmentReport& report) {
  for (const auto& rung : report.rungs) {
    const auto& text = rung.waiting_for.empty() ? rung.note : rung.waiting_for;
    const auto name = rung.rung.kind.str() + ": ";
    if (!text.empty()) return text.starts_with(name) ? text : name + text;
  }
  return {};
}

std::string holder_of(const AttachmentReport& report) {
  static const std::string kHolds = " still holds the image";
  for (const auto& reason : report.reasons)
    if (reason.ends_with(kHolds)) return reason.substr(0, reason.size() - kHolds.size());
  return {};
}

v1::Holder to_message(const VolumeHolder& holder) {
  v1::Holder message;
  message.set_node(as_utf8(holder.node));
  message.set_target(as_utf8(holder.target));
  message.set_access(to_text(holder.access));
  google::protobuf::Timestamp since;
  if (google::protobuf::util::TimeUtil::FromString(holder.since, &since)) *message.mutable_since() = since;
  for (const auto& client : holder.clients) message.add_clients(as_utf8(client));
  return message;
}

}  // namespace

v1::Attachment to_message(const AttachmentReport& report) {
  v1::Attachment message;
  message.set_volume(as_utf8(report.key.volume.str()));
  message.set_backend(as_utf8(backend_of(report.key.volume)));
  message.set_target(as_utf8(report.key.target.str()));
  message.set_desired(report.is_desired ? "attached" : "detached");
  message.set_state(to_text(report.state));
  if (report.highest) message.set_rung(to_text(*report.highest));
  message.set_device(as_utf8(device_of(report)));
  for (const auto& [id, leaf] : report.leaves) {
    auto* path = message.add_paths();
    path->set_path(as_utf8(id.leaf));
    path->set_read_only(leaf.spec.access == Access::ReadOnly || report.spec.access == Access::ReadOnly);
    path->set_block(id.kind == rungs::kPublish && report.spec.filesystem.empty());
  }
  if (report.state == State::Orphan)  // its paths are in no record
    for (const auto& rung : report.rungs)
      if (!rung.rung.leaf.empty()) message.add_paths()->set_path(as_utf8(rung.rung.leaf));
  message.set_read_only(report.spec.access == Access::ReadOnly);
  message.set_size_bytes(report.spec.size_bytes);
  message.set_holder(as_utf8(holder_of(report)));
  message.set_attempts(report.attempts);
  if (report.last_error) message.set_last_error(as_utf8(report.last_error->message));
  message.set_note(as_utf8(note_of(report)));
  if (report.next_try) set_time(message.mutable_next_try(), *report.next_try);
  if (is_set(report.since)) set_time(message.mutable_since(), report.since);
  return message;
}

v1::Explanation to_explanation(const AttachmentReport& report) {
  v1::Explanation message;
  *message.mutable_attachment() = to_message(report);
  for (const auto& rung : report.rungs) {
    auto* line = message.add_rungs();
    line->set_name(as_utf8(to_text(rung.rung)));
    line->set_state(as_utf8(rung.state));
    for (const auto& [name, value] : rung.facts) (*line->mutable_facts())[as_utf8(name)] = as_utf8(value);
    line->set_waiting_for(as_utf8(rung.waiting_for));
    line->set_note(as_utf8(rung.note));
    if (is_set(rung.since)) set_time(line->mutable_since(), rung.since);
  }
  for (const auto& reason : report.reasons) message.add_reasons(as_utf8(reason));
  if (report.running) {
    const auto& running = *report.running;
    message.set_running(as_utf8(running.step) + ", for " + std::to_string(running.age.count()) + " ms (limit " +
                        std::to_string(running.limit.count()) + " ms)");
    message.set_operation(as_utf8(running.operation));
  }
  return message;
}

v1::Volume to_message(const VolumeInfo& info, const std::string& this_node) {
  v1::Volume message;
  message.set_id(as_utf8(info.id.str()));
  message.set_backend(as_utf8(backend_of(info.id)));
  message.set_size_bytes(info.size_bytes);
  if (is_set(info.created)) set_time(message.mutable_created(), info.created);
  for (const auto& [name, value] : info.details) (*message.mutable_details())[as_utf8(name)] = as_utf8(value);
  for (const auto& [name, value] : info.limits) (*message.mutable_limits())[name] = value;
  for (const auto& holder : info.holders) {
    auto& added = *message.add_holders() = to_message(holder);
    added.set_this_node(holder.node == this_node);
  }
  for (const auto& watcher : info.watchers) message.add_watchers(as_utf8(watcher));
  return message;
}

v1::Snapshot to_message(const SnapshotDoor::Snapshot& snapshot) {
  v1::Snapshot message;
  message.set_id(as_utf8(snapshot.volume.str() + "@" + snapshot.info.name));
  message.set_volume(as_utf8(snapshot.volume.str()));
  message.set_name(as_utf8(snapshot.info.name));
  message.set_size_bytes(snapshot.info.size_bytes);
  if (is_set(snapshot.info.created)) set_time(message.mutable_created(), snapshot.info.created);
  for (const auto& clone : snapshot.info.clones) message.add_clones(as_utf8(clone));
  return message;
}

v1::QueueItem to_message(const QueueEntry& entry) {
  v1::QueueItem message;
  message.set_volume(as_utf8(entry.volume.str()));
  message.set_what(as_utf8(entry.what));
  message.set_operation(as_utf8(entry.operation));
  message.set_state(as_utf8(entry.state));
  message.set_note(as_utf8(entry.note));
  message.set_attempts(entry.attempts);
  if (entry.next_try) set_time(message.mutable_next_try(), *entry.next_try);
  return message;
}

v1::PlanItem to_message(const PlanEntry& entry) {
  v1::PlanItem message;
  message.set_volume(as_utf8(entry.volume.str()));
  message.set_step(as_utf8(entry.step));
  for (const auto& reason : entry.reasons) message.add_reasons(as_utf8(reason.subject + ": " + reason.text));
  return message;
}

v1::Orphan to_message(const OrphanDoor::Orphan& orphan) {
  v1::Orphan message;
  message.set_volume(as_utf8(orphan.key.volume.str()));
  message.set_target(as_utf8(orphan.key.target.str()));
  for (const auto& thing : orphan.things) message.add_things(as_utf8(thing));
  message.set_repaired(orphan.is_repaired);
  message.set_problem(as_utf8(orphan.problem));
  return message;
}

v1::Check to_message(const doctor::Check& check) {
  v1::Check message;
  message.set_name(as_utf8(check.name));
  message.set_state(doctor::to_text(check.state));
  message.set_found(as_utf8(check.found));
  message.set_remedy(as_utf8(check.remedy));
  message.set_needed_for(as_utf8(check.needed_for));
  return message;
}

v1::Vm to_message(const VmState& vm) {
  v1::Vm message;
  message.set_id(as_utf8(vm.id));
  message.set_state(as_utf8(vm.state));
  message.set_socket(as_utf8(vm.socket));
  if (vm.process) message.set_pid(vm.process->pid);
  message.set_bus(as_utf8(vm.bus));
  message.set_disks(vm.disks);
  message.set_free_slots(vm.free_slots);
  message.set_why(as_utf8(vm.why));
  return message;
}

}  // namespace blockplug::admin
