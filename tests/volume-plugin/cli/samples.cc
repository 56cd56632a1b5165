// SPDX-License-Identifier: Apache-2.0
#include "tests/volume-plugin/cli/samples.h"

#include <tuple>

namespace blockplug::cli::testing {
namespace {
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
constexpr std::int64_t kMiB = 1 << 20;

v1::Attachment attachment(const std::string& volume, const std::string& target, const std::string& desired,
                          const std::string& state) {
  v1::Attachment made;
  made.set_volume(volume);
  made.set_backend(volume.substr(0, volume.find('/')));
  made.set_target(target);
  made.set_desired(desired);
  made.set_state(state);
  return made;
}

struct Line {
  const char *name, *state;
  milliseconds age;
  const char *waiting_for{""}, *note{""};
};

v1::Rung* add_rung(v1::Explanation& explanation, const Line& line) {
  auto* rung = explanation.add_rungs();
  rung->set_name(line.name);
  rung->set_state(line.state);
  *rung->mutable_since() = ago(line.age);
  rung->set_waiting_for(line.waiting_for);
  rung->set_note(line.note);
  return rung;
}

v1::Attachment waiting_attachment() {
  auto made = attachment("local/data-2", "vm:web-1", "attached", "waiting");
  made.set_rung("open");
  made.set_size_bytes(64 * kMiB);
  made.set_attempts(6);
  made.set_last_error("plug: no free hot-plug slot (8 of 8 used)");
  *made.mutable_next_try() = ago(-milliseconds{3500});
  *made.mutable_since() = ago(minutes{3});
  return made;
}
}  // namespace

google::protobuf::Timestamp ago(milliseconds distance) {
  const auto since_epoch = std::chrono::duration_cast<milliseconds>(kNow.time_since_epoch()) - distance;
  const auto whole = std::chrono::floor<seconds>(since_epoch);
  google::protobuf::Timestamp time;
  time.set_seconds(whole.count());
  time.set_nanos(static_cast<std::int32_t>(std::chrono::nanoseconds(since_epoch - whole).count()));
  return time;
}

v1::Attachment attached_sample() {
  auto made = attachment("local/data-1", "vm:web-0", "attached", "attached");
  made.set_rung("plug");
  made.set_device("bp-1f3a9c");
  made.set_size_bytes(1024 * kMiB);
  *made.mutable_since() = ago(hours{5});
  return made;
}

v1::Attachment host_sample() {
  auto made = attachment("local/shared", "host", "attached", "attached");
  made.set_rung("publish");
  made.set_device("/dev/loop3");
  made.set_size_bytes(1024 * kMiB);
  *made.mutable_since() = ago(hours{2});
  for (const auto& [path, is_read_only, is_block] :
       {std::tuple{"/srv/data", false, false}, std::tuple{"/srv/copy", true, false}, std::tuple{"/srv/raw", false, true}}) {
    auto* added = made.add_paths();
    added->set_path(path);
    added->set_read_only(is_read_only);
    added->set_block(is_block);
  }
  return made;
}

v1::ListAttachmentsResponse attachments_sample() {
  v1::ListAttachmentsResponse response;
  *response.add_attachments() = attached_sample();
  *response.add_attachments() = waiting_attachment();
  auto* going = response.add_attachments();
  *going = attachment("local/größe", "vm:db", "detached", "stuck");
  going->set_rung("plug");
  going->set_read_only(true);
  going->set_size_bytes(1000000000);
  going->set_holder("vm:web-0");
  auto* path = going->add_paths();
  path->set_path("/srv/data");
  path->set_read_only(true);
  auto* hostile = response.add_attachments();
  *hostile = attachment("local/x", "vm:evil", "attached", "failed");
  hostile->set_last_error("two\nlines and \x1b[31mred");
  *response.add_attachments() = host_sample();
  return response;
}

v1::Volume volume_sample() {
  v1::Volume volume;
  volume.set_id("local/data-1");
  volume.set_backend("local");
  volume.set_size_bytes(1024 * kMiB);
  *volume.mutable_created() = ago(hours{24 * 12});
  (*volume.mutable_details())["path"] = "/var/lib/blockplug/volumes/data-1.raw";
  (*volume.mutable_details())["allocated"] = "12MiB";
  *volume.add_attachments() = attached_sample();
  *volume.add_attachments() = waiting_attachment();
  return volume;
}

v1::Volume held_sample() {
  v1::Volume volume;
  volume.set_id("ceph/a");
  volume.set_backend("ceph");
  volume.set_size_bytes(64 * kMiB);
  (*volume.mutable_limits())["iops"] = 500;
  (*volume.mutable_limits())["bytes_per_second"] = 10 * kMiB;
  auto* holder = volume.add_holders();
  holder->set_node("n1");
  holder->set_target("vm:web-0");
  holder->set_access("read-write");
  *holder->mutable_since() = ago(hours{3});
  holder->add_clients("192.0.2.7:0/12");
  volume.add_watchers("192.0.2.9:0/77");
  return volume;
}

v1::ListSnapshotsResponse snapshots_sample() {
  v1::ListSnapshotsResponse response;
  auto* plain = response.add_snapshots();
  plain->set_id("ceph/a@before");
  plain->set_volume("ceph/a");
  plain->set_name("before");
  plain->set_size_bytes(64 * kMiB);
  *plain->mutable_created() = ago(minutes{5});
  auto* cloned = response.add_snapshots();
  *cloned = *plain;
  cloned->set_id("ceph/a@golden");
  cloned->set_name("golden");
  cloned->clear_created();
  cloned->add_clones("volumes/b");
  cloned->add_clones("volumes/c");
  return response;
}

v1::ListVolumesResponse volumes_sample() {
  v1::ListVolumesResponse response;
  *response.add_volumes() = volume_sample();
  response.mutable_volumes(0)->clear_attachments();
  auto* other = response.add_volumes();
  other->set_id("ceph/b");
  other->set_backend("ceph");
  other->set_size_bytes(1536 * kMiB);
  return response;
}

v1::ExplainResponse waiting_sample() {
  v1::ExplainResponse response;
  auto& explanation = *response.add_explanations();
  *explanation.mutable_attachment() = waiting_attachment();
  (*add_rung(explanation, {"hold", "up", minutes{12}})->mutable_facts())["image.id"] = "file:65024:1312";
  auto* open = add_rung(explanation, {"open", "up", minutes{12}});
  (*open->mutable_facts())["node.name"] = "bp-77d0c1";
  (*open->mutable_facts())["process.pid"] = "4711";
  add_rung(explanation, {"plug", "down", minutes{3}, "a free hot-plug slot", "no free hot-plug slot (8 of 8 used)"});
  explanation.add_reasons("plug: waiting: a free hot-plug slot");
  return response;
}

v1::ExplainResponse stuck_sample() {
  v1::ExplainResponse response;
  auto& explanation = *response.add_explanations();
  *explanation.mutable_attachment() = attachments_sample().attachments(2);
  add_rung(explanation, {"hold", "up", hours{50}});
  add_rung(explanation, {"open", "up", hours{50}});
  add_rung(explanation, {"plug", "lowering", minutes{4}, "the guest to release the disk"});
  explanation.add_reasons("plug: waiting: the guest to release the disk");
  explanation.add_reasons("the guest has not answered for 240 s: is it stopped or still booting?");
  explanation.set_running("lower plug of local/größe to vm:db, for 240000 ms (limit 30000 ms)");
  explanation.set_operation("admin-17");
  return response;
}

v1::ExplainResponse orphan_sample() {
  v1::ExplainResponse response;
  auto& explanation = *response.add_explanations();
  *explanation.mutable_attachment() = attachment("local/lost", "vm:web-9", "detached", "orphan");
  explanation.mutable_attachment()->set_rung("plug");
  auto* plug = explanation.add_rungs();
  plug->set_name("plug");
  plug->set_state("up");
  plug->set_note("device bp-0a in QEMU 4711");
  explanation.add_reasons("device bp-0a in QEMU 4711 has our marker but no record");
  return response;
}

v1::PlanResponse plan_sample() {
  v1::PlanResponse response;
  auto* next = response.add_items();
  next->set_volume("local/data-3");
  next->set_step("raise open of local/data-3 to vm:web-0");
  auto* waiting = response.add_items();
  waiting->set_volume("local/data-2");
  waiting->add_reasons("vm:web-1: plug: waiting: a free hot-plug slot");
  waiting->add_reasons("order 7 (resize): waits for the attachment");
  return response;
}

v1::QueueResponse queue_sample() {
  v1::QueueResponse response;
  auto* running = response.add_items();
  running->set_volume("local/data-3");
  running->set_what("raise open of local/data-3 to vm:web-0");
  running->set_state("running");
  running->set_operation("admin-18");
  auto* retrying = response.add_items();
  retrying->set_volume("local/data-2");
  retrying->set_what("order 7 (resize)");
  retrying->set_state("retrying");
  retrying->set_operation("admin-12");
  retrying->set_note("the disk is full: 0B free on /var/lib/blockplug");
  retrying->set_attempts(4);
  *retrying->mutable_next_try() = ago(-seconds{4});
  return response;
}

v1::ListVmsResponse vms_sample() {
  v1::ListVmsResponse response;
  auto* vm = response.add_vms();
  vm->set_id("web-0");
  vm->set_state("running");
  vm->set_socket("/run/vms/web-0/qmp.sock");
  vm->set_pid(4711);
  vm->set_bus("scsi");
  vm->set_disks(2);
  vm->set_free_slots(253);
  auto* silent = response.add_vms();
  silent->set_id("web-1");
  silent->set_state("silent");
  silent->set_socket("/run/vms/web-1/qmp.sock");
  silent->set_why("the monitor has not answered for 12 s");
  return response;
}

v1::ExplainResponse host_explained_sample() {
  v1::ExplainResponse response;
  auto& explanation = *response.add_explanations();
  *explanation.mutable_attachment() = host_sample();
  for (const auto* name : {"hold", "map", "stage", "publish /srv/data", "publish /srv/copy", "publish /srv/raw"})
    add_rung(explanation, {name, "up", hours{2}});
  explanation.add_reasons("all is as desired");
  return response;
}

v1::ExplainResponse host_orphan_sample() {
  v1::ExplainResponse response;
  auto& mounted = *response.add_explanations();
  *mounted.mutable_attachment() = attachment("local/lost", "host", "detached", "orphan");
  auto* path = mounted.mutable_attachment()->add_paths();
  path->set_path("/srv/lost");
  path->set_read_only(true);
  *response.add_explanations()->mutable_attachment() = attachment("local/mapped", "host", "detached", "orphan");
  return response;
}

v1::RepairResponse orphans_sample() {
  v1::RepairResponse response;
  auto* gone = response.add_orphans();
  gone->set_volume("local/lost");
  gone->set_target("host");
  gone->add_things("mount of /dev/loop3 on /srv/lost");
  gone->add_things("loop device /dev/loop3 over /var/lib/blockplug/volumes/lost.raw");
  gone->set_repaired(true);
  auto* stays = response.add_orphans();
  stays->set_volume("local/stays");
  stays->set_target("vm:web-9");
  stays->add_things("device bp-0a in QEMU 4711");
  stays->set_problem("plug: the guest has not answered for 60 s");
  return response;
}

v1::DoctorResponse checks_sample() {
  struct Row {
    const char *name, *state, *found, *remedy, *needed_for;
  };
  const Row rows[] = {
      {"rights", "ok", "root with all required capabilities", "", "everything"},
      {"loop devices", "missing", "/dev/loop-control: No such file or directory", "modprobe loop", "local volumes on host paths"},
      {"udevd", "limited", "not running: the kernel's own events are used", "apt install udev", "events of devices"},
      {"ext4 programs", "missing", "no mkfs.ext4\x1b[31m", "apt install e2fsprogs", "volumes with ext4 on host paths"},
      {"größe", "ok", "/dev/fuse", "", "volumes"},
  };
  v1::DoctorResponse response;
  for (const auto& row : rows) {
    auto* check = response.add_checks();
    check->set_name(row.name);
    check->set_state(row.state);
    check->set_found(row.found);
    check->set_remedy(row.remedy);
    check->set_needed_for(row.needed_for);
  }
  return response;
}

}  // namespace blockplug::cli::testing
