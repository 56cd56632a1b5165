// SPDX-License-Identifier: Apache-2.0
// Every field of every message is filled from the core's values, and no bytes of these break the message.
#include "volume-plugin/admin/convert.h"

#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include "hotplug/rungs.h"

namespace blockplug::admin {
namespace {
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using std::chrono::milliseconds;
constexpr WallClock::time_point kThen{std::chrono::seconds(1'700'000'000)};

// The names of fields that have nothing, also of the messages inside: "rungs.note". A new field that nobody fills is found here.
std::vector<std::string> unset(const Message& message, const std::string& prefix = {}) {
  std::vector<std::string> names;
  const auto* fields = message.GetDescriptor();
  const auto* reflection = message.GetReflection();
  for (int index = 0; index < fields->field_count(); ++index) {
    const auto* field = fields->field(index);
    const auto name = prefix + field->name();
    const bool is_set = field->is_repeated() ? reflection->FieldSize(message, field) > 0 : reflection->HasField(message, field);
    if (!is_set) names.push_back(name);
    if (!is_set || field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_map()) continue;
    if (field->message_type()->full_name() == "google.protobuf.Timestamp") continue;
    const auto& inside =
        field->is_repeated() ? reflection->GetRepeatedMessage(message, field, 0) : reflection->GetMessage(message, field);
    for (auto& one : unset(inside, name + ".")) names.push_back(std::move(one));
  }
  return names;
}

// `dirt` is added to each text that comes from outside.
AttachmentReport report(const std::string& dirt = {}) {
  AttachmentReport made;
  made.key = {VolumeId("ceph/data" + dirt), TargetId("host" + dirt)};
  made.is_desired = true;
  made.state = State::Waiting;
  made.highest = rungs::kMap;
  made.spec.access = Access::ReadOnly;
  made.spec.size_bytes = 4096;
  made.leaves[{rungs::kPublish, "/srv/data" + dirt}] = {};
  made.rungs = {{.rung = {rungs::kMap, {}},
                 .state = "up",
                 .facts = {{"device.path", "/dev/rbd0" + dirt}},
                 .waiting_for = "nothing" + dirt,
                 .note = "was slow" + dirt,
                 .since = kThen}};
  made.reasons = {"vm:web-0" + dirt + " still holds the image"};
  made.last_error = no_effect(Code::Unavailable, "no answer" + dirt);
  made.attempts = 3;
  made.next_try = kThen + milliseconds(1500);
  made.since = kThen;
  made.running = {.step = "raise own" + dirt,
                  .operation = "admin-7" + dirt,
                  .age = milliseconds(5),
                  .limit = milliseconds(9),
                  .waited_for = {}};
  return made;
}

VolumeInfo volume(const std::string& dirt = {}) {
  return {.id = VolumeId("ceph/data" + dirt),
          .size_bytes = 4096,
          .image = ImageId("image"),
          .created = kThen,
          .details = {{"pool" + dirt, "rbd" + dirt}},
          .limits = {{"iops", 500}},
          .holders = {{"n1" + dirt, "vm:web-0" + dirt, Access::ReadOnly, "2026-01-02T03:04:05Z", {"10.0.0.1:0/7" + dirt}}},
          .watchers = {"10.0.0.2:0/8" + dirt}};
}

VmState vm(const std::string& dirt = {}) {
  return {.id = "web-0" + dirt,
          .socket = "/run/web-0" + dirt,
          .state = "paused" + dirt,
          .process = ProcessId{.pid = 7, .start_time = 8, .boot_id = "boot"},
          .bus = "scsi" + dirt,
          .disks = 2,
          .free_slots = 3,
          .why = "migrates" + dirt};
}

// A message of each kind.
std::vector<std::pair<const char*, std::shared_ptr<Message>>> all(const std::string& dirt) {
  const auto made = [](auto message) { return std::make_shared<decltype(message)>(std::move(message)); };
  return {
      {"an explanation", made(to_explanation(report(dirt)))},
      {"a volume", made(to_message(volume(dirt), "n1" + dirt))},
      {"a snapshot",
       made(to_message(SnapshotDoor::Snapshot{VolumeId("ceph/data" + dirt), {"before" + dirt, 4096, kThen, {"ceph/b" + dirt}}}))},
      {"what is queued", made(to_message(QueueEntry{VolumeId("ceph/data" + dirt), "order 7" + dirt, "admin-7" + dirt,
                                                    "retrying" + dirt, "no answer" + dirt, 2, kThen}))},
      {"what is planned",
       made(to_message(PlanEntry{VolumeId("ceph/data" + dirt), "raise open" + dirt, {{"plug" + dirt, "why" + dirt}}}))},
      {"a VM", made(to_message(vm(dirt)))},
      {"an orphan", made(to_message(OrphanDoor::Orphan{
                        {VolumeId("ceph/data" + dirt), TargetId("host" + dirt)}, {"loop device" + dirt}, true, "busy" + dirt}))},
      {"a check",
       made(to_message(doctor::Check{"loop" + dirt, doctor::State::Limited, "8" + dirt, "modprobe" + dirt, "paths" + dirt}))},
  };
}

TEST(Messages, HaveEveryFieldFilled) {
  for (const auto& [name, message] : all({})) {
    auto left_out = unset(*message);
    std::erase(left_out, "attachments");  // of a volume: the service adds them
    EXPECT_EQ(left_out, std::vector<std::string>{}) << name;
  }
}

TEST(Messages, SurviveBytesThatAreNotUtf8) {
  const std::string dirt = " \xff\xc0\xaf\xe2\x82";
  for (const auto& [name, message] : all(dirt)) {
    const std::unique_ptr<Message> read{message->New()};
    EXPECT_TRUE(read->ParseFromString(message->SerializeAsString())) << name;
    EXPECT_NE(message->SerializeAsString().find("\xef\xbf\xbd"), std::string::npos) << name;
    EXPECT_EQ(message->SerializeAsString().find('\xff'), std::string::npos) << name;
  }
}

TEST(Attachment, SaysWhatTheReportSays) {
  const auto message = to_message(report());
  EXPECT_EQ(message.volume(), "ceph/data");
  EXPECT_EQ(message.backend(), "ceph");
  EXPECT_EQ(message.target(), "host");
  EXPECT_EQ(message.desired(), "attached");
  EXPECT_EQ(message.state(), "waiting");
  EXPECT_EQ(message.rung(), "map");
  EXPECT_EQ(message.device(), "/dev/rbd0");
  ASSERT_EQ(message.paths_size(), 1);
  EXPECT_EQ(message.paths(0).path(), "/srv/data");
  EXPECT_TRUE(message.paths(0).read_only()) << "the whole attachment is";
  EXPECT_TRUE(message.read_only());
  EXPECT_EQ(message.size_bytes(), 4096);
  EXPECT_EQ(message.holder(), "vm:web-0");
  EXPECT_EQ(message.attempts(), 3);
  EXPECT_EQ(message.last_error(), "no answer");
  EXPECT_EQ(message.next_try().seconds(), 1'700'000'001);
  EXPECT_EQ(message.next_try().nanos(), 500'000'000);
  EXPECT_EQ(message.since().seconds(), 1'700'000'000);
}

TEST(Attachment, ThatIsNotWaitedForHasNoTimesAndNoHolder) {
  auto calm = report();
  calm.is_desired = false;
  calm.next_try.reset();
  calm.last_error.reset();
  calm.since = {};
  calm.reasons = {"nothing to do"};
  calm.rungs.front().state = "down";
  calm.highest.reset();
  const auto message = to_message(calm);
  EXPECT_EQ(message.desired(), "detached");
  EXPECT_FALSE(message.has_next_try());
  EXPECT_FALSE(message.has_since());
  EXPECT_EQ(message.holder(), "");
  EXPECT_EQ(message.last_error(), "");
  EXPECT_EQ(message.device(), "") << "what is down has none";
  EXPECT_EQ(message.rung(), "");
}

TEST(Attachment, ThatIsRawIsABlockDeviceAndOneThatIsAnOrphanShowsItsPaths) {
  auto raw = report();
  raw.spec.filesystem.clear();
  EXPECT_TRUE(to_message(raw).paths(0).block());
  raw.spec.filesystem = "ext4";
  EXPECT_FALSE(to_message(raw).paths(0).block());
  auto orphan = report();
  orphan.leaves.clear();
  orphan.state = State::Orphan;
  orphan.rungs.push_back(
      {.rung = {rungs::kPublish, "/srv/left"}, .state = "up", .facts = {}, .waiting_for = {}, .note = {}, .since = {}});
  ASSERT_EQ(to_message(orphan).paths_size(), 1);
  EXPECT_EQ(to_message(orphan).paths(0).path(), "/srv/left");
}

TEST(Explanation, SaysWhatRunsForHowLong) {
  EXPECT_EQ(to_explanation(report()).running(), "raise own, for 5 ms (limit 9 ms)");
  EXPECT_EQ(to_explanation(report()).operation(), "admin-7");
}

}  // namespace
}  // namespace blockplug::admin
