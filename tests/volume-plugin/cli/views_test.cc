// SPDX-License-Identifier: Apache-2.0
// The output for people and programs, compared with tests/golden/cli.
#include "tests/volume-plugin/cli/golden.h"
#include "tests/volume-plugin/cli/samples.h"
#include "volume-plugin/cli/attachment_text.h"
#include "volume-plugin/cli/doctor_text.h"
#include "volume-plugin/cli/explain_text.h"
#include "volume-plugin/cli/json.h"
#include "volume-plugin/cli/repair_text.h"
#include "volume-plugin/cli/snapshot_text.h"
#include "volume-plugin/cli/volume_text.h"
#include "volume-plugin/cli/work_text.h"

namespace blockplug::cli::testing {
namespace {

TEST(Text, ListsAttachmentsInAlignedColumnsWhateverTheyAreCalled) {
  expect_golden("attachment-list.txt", attachments_text(attachments_sample(), kNow));
}

TEST(Text, ListsPathsOnlyWhereThereAreSome) {
  v1::ListAttachmentsResponse response;
  *response.add_attachments() = attached_sample();
  EXPECT_EQ(attachments_text(response, kNow).find("PATHS"), std::string::npos);
  *response.add_attachments() = host_sample();
  const auto text = attachments_text(response, kNow);
  EXPECT_NE(text.find("NOTE  PATHS\n"), std::string::npos) << text;
  EXPECT_NE(text.find("-     /srv/data, /srv/copy (ro), /srv/raw (block)\n"), std::string::npos) << text;
}

TEST(Text, ShowsEachAttachmentWithAllButItsRungs) {
  std::string text;
  const auto sample = attachments_sample();
  for (const auto& attachment : sample.attachments()) text += attachment_text(attachment, kNow);
  expect_golden("attachment-show.txt", text);
}

TEST(Text, ExplainsAWaitingAttachment) { expect_golden("explain-waiting.txt", explanations_text(waiting_sample(), kNow)); }
TEST(Text, ExplainsAStuckDetach) { expect_golden("explain-stuck.txt", explanations_text(stuck_sample(), kNow)); }
TEST(Text, ExplainsAnOrphanAndSaysWhatToDo) { expect_golden("explain-orphan.txt", explanations_text(orphan_sample(), kNow)); }
TEST(Text, ExplainsAHostsPaths) { expect_golden("explain-host.txt", explanations_text(host_explained_sample(), kNow)); }
TEST(Text, ExplainsOrphansOnAHost) { expect_golden("explain-host-orphan.txt", explanations_text(host_orphan_sample(), kNow)); }

TEST(Text, TellsWhatIsToBeRepairedAndWhatBecameOfIt) {
  expect_golden("repair-dry-run.txt", orphans_text(orphans_sample(), true));
  expect_golden("repair.txt", orphans_text(orphans_sample(), false) + left_text(orphans_sample()) + "\n");
}

TEST(Text, OfTheDoctorHasTheRemediesBelow) {
  expect_golden("doctor.txt", checks_text(checks_sample()) + missing_text(checks_sample()) + "\n");
}

TEST(Text, TellsEventsOnALineEach) {
  std::string text = attached_text(attached_sample(), {}) + "\n";
  for (const auto* path : {"/srv/data", "/srv/copy", "/srv/raw"}) text += attached_text(host_sample(), path) + "\n";
  v1::WatchEvent event;
  const auto sample = attachments_sample();
  for (const auto& attachment : sample.attachments()) {
    *event.mutable_attachment() = attachment;
    text += event_text(event) + "\n";
  }
  event.set_gone(true);
  expect_golden("watch.txt", text + event_text(event) + "\n");
}

TEST(Text, ShowsVolumes) {
  expect_golden("volume-list.txt", volumes_text(volumes_sample(), kNow));
  auto volume = volume_sample();
  *volume.add_attachments() = host_sample();
  expect_golden("volume-show.txt", volume_text(volume, kNow));
}

TEST(Text, ShowsWhoHoldsAVolumeAndItsLimits) {
  expect_golden("volume-held.txt", volume_text(held_sample(), kNow));
  expect_golden("volume-held.json.txt", volume_json(held_sample()));
}

TEST(Text, ListsSnapshotsWithTheirClones) {
  expect_golden("snapshot-list.txt", snapshots_text(snapshots_sample(), kNow));
  expect_golden("snapshot-list.json.txt", snapshots_json(snapshots_sample()));
  EXPECT_EQ(snapshots_text({}, kNow) + snapshots_json({}), "[]\n");
}

TEST(Text, TellsWhoWasFenced) {
  v1::FenceVolumeResponse response;
  EXPECT_EQ(fenced_text("ceph/a", response), "ceph/a was not held: nothing to fence\n");
  response.add_fenced("192.0.2.7:0/12");
  response.add_fenced("192.0.2.7:0/0");
  EXPECT_EQ(fenced_text("ceph/a", response), "ceph/a is fenced; permanently blocklisted: 192.0.2.7:0/12, 192.0.2.7:0/0\n");
  EXPECT_EQ(fenced_json("ceph/a", {}), "{\n  \"volume\": \"ceph/a\",\n  \"fenced\": []\n}\n");
}

TEST(Text, ShowsWhatIsWorkedOn) {
  expect_golden("plan.txt", plan_text(plan_sample()));
  expect_golden("queue.txt", queue_text(queue_sample(), kNow));
  expect_golden("vm-list.txt", vms_text(vms_sample()));
}

TEST(Text, OfNothingIsNothing) {
  EXPECT_EQ(attachments_text({}, kNow) + volumes_text({}, kNow) + explanations_text({}, kNow), "");
  EXPECT_EQ(plan_text({}) + queue_text({}, kNow) + vms_text({}), "");
  EXPECT_EQ(orphans_text({}, true) + left_text({}) + checks_text({}) + missing_text({}), "");
}

TEST(Json, HasEveryFieldOfAttachments) { expect_golden("attachment-list.json.txt", attachments_json(attachments_sample())); }

TEST(Json, HasEveryFieldOfTheRest) {
  expect_golden("volume-list.json.txt", volumes_json(volumes_sample()));
  expect_golden("volume-show.json.txt", volume_json(volume_sample()));
  expect_golden("explain.json.txt", explanations_json(waiting_sample()));
  expect_golden("work.json.txt", plan_json(plan_sample()) + queue_json(queue_sample()) + vms_json(vms_sample()));
  expect_golden("repair.json.txt", orphans_json(orphans_sample()));
  expect_golden("doctor.json.txt", checks_json(checks_sample()));
}

// Size and limits follow on the nodes that hold the image; who changed them hears when.
TEST(Volume, SaysWhichOtherNodesFollowAChange) {
  v1::Volume volume;
  EXPECT_EQ(elsewhere_text(volume), "");
  auto* here = volume.add_holders();
  here->set_node("n1"), here->set_this_node(true);
  EXPECT_EQ(elsewhere_text(volume), "");
  for (const auto* node : {"n2", "n2", "n3"}) volume.add_holders()->set_node(node);
  EXPECT_EQ(elsewhere_text(volume), "; nodes n2, n3, which hold it, apply this within 15 s");
  volume.mutable_holders()->RemoveLast();
  EXPECT_EQ(elsewhere_text(volume), "; node n2, which holds it, applies this within 15 s");
}

TEST(Json, OfNothingIsAnEmptyList) {
  EXPECT_EQ(attachments_json({}), "[]\n");
  EXPECT_EQ(volumes_json({}), "[]\n");
  EXPECT_EQ(explanations_json({}) + plan_json({}) + queue_json({}) + vms_json({}), "[]\n[]\n[]\n[]\n");
  EXPECT_EQ(orphans_json({}) + checks_json({}), "[]\n[]\n");
}

TEST(Json, OfErrorsIsOneLineWhateverTheyHold) {
  EXPECT_EQ(error_json(no_effect(Code::NotFound, "no \"such\"\nthing \xff"), "local/a"),
            "{\"code\":\"NOT_FOUND\",\"message\":\"no \\\"such\\\"\\nthing \xEF\xBF\xBD\",\"volume\":\"local/a\"}\n");
}

TEST(Json, OfAnEventIsOneLine) {
  v1::WatchEvent event;
  *event.mutable_attachment() = attached_sample();
  const auto text = event_json(event);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  EXPECT_NE(text.find("\"gone\":false"), std::string::npos);
}

}  // namespace
}  // namespace blockplug::cli::testing
