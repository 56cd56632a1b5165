// SPDX-License-Identifier: Apache-2.0
// Each command against an answering daemon: its request, its output, its exit code.
#include <gtest/gtest.h>

#include "tests/volume-plugin/cli/fake_admin.h"
#include "tests/volume-plugin/cli/golden.h"
#include "tests/volume-plugin/cli/program.h"
#include "volume-plugin/version.h"

namespace blockplug::cli::testing {
namespace {
using namespace std::chrono_literals;

class Commands : public ::testing::Test {
 protected:
  void start(FakeAdmin::Answers answers = {}) {
    admin_.reset();
    admin_ = std::make_unique<FakeAdmin>(program_.socket(), std::move(answers));
  }
  std::string asked() const {
    std::string text;
    for (const auto& call : admin_->calls()) text += call.text + "\n";
    return text;
  }
  Program program_;
  std::unique_ptr<FakeAdmin> admin_;
};

struct Row {
  std::vector<std::string> words;
  std::string asks, prints;
};

TEST_F(Commands, AskTheDaemonAndPrintTheResultAlone) {
  const Row table[] = {
      {{"volume", "create", "data", "--size", "64MiB"}, "CreateVolume name: \"data\" size_bytes: 67108864", "local/data\n"},
      {{"volume", "create", "plan", "--size", "512", "--backend", "b"},
       "CreateVolume name: \"plan\" backend: \"b\" size_bytes: 512",
       "local/plan\n"},
      {{"volume", "expand", "local/list", "--size", "2GiB"},
       "ExpandVolume id: \"local/list\" size_bytes: 2147483648",
       "local/list is now 2GiB\n"},
      {{"volume", "create", "b", "--from", "ceph/a@before", "--flatten"},
       "CreateVolume name: \"b\" source: \"ceph/a@before\" flatten: true",
       "local/b\n"},
      {{"volume", "create", "b", "--from", "ceph/a", "--size", "1MiB"},
       "CreateVolume name: \"b\" size_bytes: 1048576 source: \"ceph/a\"",
       "local/b\n"},
      {{"volume", "modify", "ceph/a", "--iops", "500", "--bytes-per-second", "10MiB"},
       "ModifyVolume id: \"ceph/a\" iops: 500 bytes_per_second: 10485760",
       "ceph/a is limited to 500 iops, 10MiB per second\n"},
      {{"volume", "modify", "ceph/a", "--iops", "0"}, "ModifyVolume id: \"ceph/a\" iops: 0", "ceph/a is not limited\n"},
      {{"volume", "fence", "ceph/a", "--yes", "--whole-node", "192.0.2.7"},
       "FenceVolume id: \"ceph/a\" whole_node: \"192.0.2.7\"",
       "ceph/a was not held: nothing to fence\n"},
      {{"volume", "cancel", "ceph/a"}, "CancelOrders id: \"ceph/a\"", "ceph/a has no order that can be cancelled\n"},
      {{"snapshot", "create", "ceph/a", "before"}, "CreateSnapshot volume: \"ceph/a\" name: \"before\"", "ceph/a@before\n"},
      {{"snapshot", "delete", "ceph/a@before"}, "DeleteSnapshot id: \"ceph/a@before\"", "ceph/a@before is deleted\n"},
      {{"volume", "delete", "local/data"}, "DeleteVolume id: \"local/data\"", "local/data is deleted\n"},
      {{"attachment", "attach", "local/data", "--vm", "volume"},
       "Attach volume: \"local/data\" vm: \"volume\"",
       "local/data is attached to vm:volume, read-write\n"},
      {{"attachment", "attach", "--read-only", "--wait-for-vm", "--vm=web-0", "local/data"},
       "Attach volume: \"local/data\" vm: \"web-0\" wait_for_vm: true read_only: true",
       "local/data is attached to vm:web-0, read-only\n"},
      {{"attachment", "detach", "local/data"}, "Detach volume: \"local/data\"", "local/data is detached\n"},
      {{"attachment", "detach", "local/data", "--vm", "web-0"},
       "Detach volume: \"local/data\" vm: \"web-0\"",
       "local/data is detached from vm:web-0\n"},
      {{"attachment", "attach", "local/data", "--path", "/srv//data/"},
       "Attach volume: \"local/data\" path: \"/srv/data\"",
       "local/data is attached to host at /srv/data, read-write\n"},
      {{"attachment", "attach", "--path", "/srv/data", "--fs", "xfs", "--mount-flags", "noatime,nodev", "--read-only",
        "local/data"},
       "Attach volume: \"local/data\" read_only: true path: \"/srv/data\" filesystem: \"xfs\" mount_flags: \"noatime\" "
       "mount_flags: "
       "\"nodev\"",
       "local/data is attached to host at /srv/data, read-only\n"},
      {{"attachment", "attach", "local/data", "--path", "/srv", "--mount-flags", R"(context="t:s0:c1,c2",,noatime)"},
       R"(Attach volume: "local/data" path: "/srv" mount_flags: "context=\"t:s0:c1,c2\"" mount_flags: "noatime")",
       "local/data is attached to host at /srv, read-write\n"},
      {{"attachment", "attach", "local/data", "--path", "/srv/raw", "--block"},
       "Attach volume: \"local/data\" path: \"/srv/raw\" block: true",
       "local/data is attached to host at /srv/raw (block), read-write\n"},
      {{"attachment", "attach", "local/data", "--vm", "web-0", "--guest-path", "/mnt/data", "--fs", "ext4", "--wait-for-vm"},
       "Attach volume: \"local/data\" vm: \"web-0\" wait_for_vm: true guest_path: \"/mnt/data\" filesystem: \"ext4\"",
       "local/data is attached to vm:web-0 at /mnt/data, read-write\n"},
      {{"attachment", "detach", "local/data", "--path", "/srv/data/"},
       "Detach volume: \"local/data\" path: \"/srv/data\"",
       "local/data is detached from host at /srv/data\n"},
      {{"attachment", "detach", "local/data", "--vm", "web-0", "--force"},
       "Detach volume: \"local/data\" vm: \"web-0\" force: true",
       "local/data is detached from vm:web-0\n"},
      {{"attachment", "detach", "local/data", "--force"}, "Detach volume: \"local/data\" force: true", "local/data is detached\n"},
      {{"doctor"}, "Doctor", "All checks passed\n"},
      {{"attachment", "explain", "local/a"}, "Explain volume: \"local/a\"", "local/a is not attached, no attach requested\n"},
  };
  for (const auto& row : table) {
    start();
    const auto ran = program_.run(row.words);
    EXPECT_EQ(ran.code, ExitCode::ItIsSo);
    EXPECT_EQ(ran.out, row.prints);
    EXPECT_EQ(ran.err, "");
    EXPECT_EQ(asked(), row.asks + "\n");
  }
}

TEST_F(Commands, CancelSaysWhatWasCancelledAndFailsForWhatHasBegun) {
  v1::CancelOrdersResponse response;
  response.add_cancelled("order 8 (snapshot)");
  response.add_cancelled("order 9 (delete)");
  start({.cancelled = response});
  const auto all = program_.run({"volume", "cancel", "ceph/a"});
  EXPECT_EQ(all.code, ExitCode::ItIsSo);
  EXPECT_EQ(all.out, "ceph/a: cancelled: order 8 (snapshot), order 9 (delete)\n");
  response.add_begun("order 7 (resize)");
  start({.cancelled = response});
  const auto some = program_.run({"volume", "cancel", "ceph/a"});
  EXPECT_EQ(some.code, ExitCode::Refused);
  EXPECT_EQ(some.out, "ceph/a: cancelled: order 8 (snapshot), order 9 (delete)\n");
  EXPECT_NE(some.err.find("order 7 (resize) cannot be cancelled any more"), std::string::npos) << some.err;
  EXPECT_EQ(program_.run({"volume", "cancel", "ceph/a", "-o", "json"}).out,
            "{\n  \"volume\": \"ceph/a\",\n  \"cancelled\": [\n    \"order 8 (snapshot)\",\n    \"order 9 (delete)\"\n  ],\n"
            "  \"begun\": [\n    \"order 7 (resize)\"\n  ]\n}\n");
}

TEST_F(Commands, TellWhomAFenceWouldShutOutAndDoNothingUnlessItIsMeant) {
  start({.volume = held_sample()});
  const auto ran = program_.run({"volume", "fence", "ceph/a"});
  EXPECT_EQ(ran.code, ExitCode::UsageOrNotConfirmed);
  EXPECT_EQ(ran.out, "");
  for (const auto* part :
       {"not confirmed, nothing was changed", "node n1, vm:web-0, read-write", "client 192.0.2.7:0/12", "192.0.2.9:0/77", "--yes"})
    EXPECT_NE(ran.err.find(part), std::string::npos) << ran.err;
  EXPECT_EQ(asked(), "GetVolume id: \"ceph/a\"\n");
}

TEST_F(Commands, ListSnapshotsOfAVolumeOrOfAll) {
  start({.snapshots = snapshots_sample()});
  expect_golden("snapshot-list.txt", program_.run({"snapshot", "list"}).out);
  expect_golden("snapshot-list.json.txt", program_.run({"snapshot", "list", "ceph/a", "-o", "json"}).out);
  EXPECT_EQ(asked(), "ListSnapshots\nListSnapshots volume: \"ceph/a\"\n");
}

TEST_F(Commands, PrintJsonWhereverDashOStands) {
  start({.attachments = attachments_sample(), .explanations = waiting_sample()});
  const auto before = program_.run({"-o", "json", "attachment", "list"});
  expect_golden("attachment-list.json.txt", before.out);
  EXPECT_EQ(program_.run({"attachment", "-ojson", "list"}).out, before.out);
  EXPECT_EQ(program_.run({"attachment", "list", "--output=json"}).out, before.out);
  EXPECT_EQ(program_.run({"attachment", "show", "local/a", "-o", "json"}).out, before.out);
  expect_golden("explain.json.txt", program_.run({"attachment", "explain", "local/a", "-o", "json"}).out);
  EXPECT_EQ(program_.run({"volume", "delete", "local/a", "-o", "json"}).out,
            "{\n  \"volume\": \"local/a\",\n  \"deleted\": true\n}\n");
  EXPECT_EQ(program_.run({"attachment", "detach", "local/a", "--path", "/srv", "-o", "json"}).out,
            "{\n  \"volume\": \"local/a\",\n  \"path\": \"/srv\",\n  \"desired\": \"detached\",\n  \"state\": \"detached\"\n}\n");
}

TEST_F(Commands, PrintTables) {
  start({.volumes = volumes_sample(),
         .attachments = attachments_sample(),
         .explanations = waiting_sample(),
         .plan = plan_sample(),
         .queue = queue_sample(),
         .vms = vms_sample()});
  expect_golden("attachment-list.txt", program_.run({"attachment", "list"}).out);
  expect_golden("explain-waiting.txt", program_.run({"attachment", "explain", "local/data-2"}).out);
  expect_golden("volume-list.txt", program_.run({"volume", "list"}).out);
  expect_golden("plan.txt", program_.run({"plan"}).out);
  expect_golden("queue.txt", program_.run({"queue"}).out);
  expect_golden("vm-list.txt", program_.run({"vm", "list"}).out);
}

TEST_F(Commands, SayBesideTheResultThatThereIsNothing) {
  start();
  const std::pair<std::vector<std::string>, const char*> table[] = {
      {{"volume", "list"}, "no volumes\n"},           {{"snapshot", "list"}, "no snapshots\n"},
      {{"attachment", "list"}, "no attachments\n"},   {{"plan"}, "nothing to do\n"},
      {{"queue"}, "nothing is running or waiting\n"}, {{"vm", "list"}, "no VMs\n"},
      {{"repair", "--all"}, "nothing to repair\n"},   {{"repair", "--dry-run"}, "nothing to repair\n"}};
  for (const auto& [words, talk] : table) {
    const auto ran = program_.run(words);
    EXPECT_EQ(ran.code, ExitCode::ItIsSo);
    EXPECT_EQ(ran.out, "");
    EXPECT_EQ(ran.err, talk);
  }
  const auto shown = program_.run({"attachment", "show", "local/a"});
  EXPECT_EQ(shown.code, ExitCode::Refused);
  EXPECT_EQ(shown.err, "blockplug: local/a is not attached, no attach requested\n");
}

TEST_F(Commands, ShowWhatTheyHaveOfAListThatIsNotComplete) {
  FakeAdmin::Answers answers{.volumes = volumes_sample()};
  answers.volumes.add_problems("cinder: no token: Keystone does not answer");
  start(answers);
  const auto ran = program_.run({"volume", "list"});
  EXPECT_EQ(ran.code, ExitCode::Refused);
  expect_golden("volume-list.txt", ran.out);
  EXPECT_EQ(ran.err, "blockplug: the list is incomplete: cinder: no token: Keystone does not answer\n");
}

TEST_F(Commands, ReadListsBeyondGrpcsUsualLimit) {
  FakeAdmin::Answers answers;
  for (int i = 0; i < 40'000; ++i) {
    *answers.attachments.add_attachments() = attached_sample();
    answers.attachments.mutable_attachments(i)->set_last_error(std::string(100, 'x'));
  }
  start(answers);
  const auto ran = program_.run({"attachment", "list"});
  EXPECT_EQ(ran.code, ExitCode::ItIsSo) << ran.err;
  EXPECT_EQ(std::count(ran.out.begin(), ran.out.end(), '\n'), 40'001);
}

// By the daemon's clock too, not only by ours: gRPC rounds the deadline that it sends.
TEST_F(Commands, GiveTheDaemonTheTimeoutAndASecond) {
  const std::pair<const char*, std::chrono::seconds> table[] = {
      {"60s", 61s}, {"2m", 121s}, {"10m", 601s}, {"1h", 3610s}, {"24h", 86500s}};
  for (const auto& [timeout, given] : table) {
    start();
    program_.run({"attachment", "detach", "local/a", "--timeout", timeout});
    const auto left = admin_->calls().at(0).time_left;
    EXPECT_LE(left, given) << timeout;
    EXPECT_GT(left, given - 10s) << timeout;
  }
}

TEST_F(Commands, TellTheVersionOfBoth) {
  start();
  EXPECT_EQ(program_.run({"--version"}).out, "blockplug " + std::string(version()) + "\nblockplugd 0.9.0 on node-1\n");
  EXPECT_EQ(program_.run({"--version", "-o", "json"}).out,
            "{\n  \"version\": \"" + std::string(version()) +
                "\",\n  \"daemon\": {\n    \"version\": \"0.9.0\",\n    \"node\": \"node-1\"\n  }\n}\n");
}

TEST_F(Commands, TellATerminalHowTheVolumeChangesWhileTheyWait) {
  v1::WatchEvent event;
  *event.mutable_attachment() = waiting_sample().explanations(0).attachment();
  start({.hangs = true, .events = {event}});
  const auto ran = program_.run({"attachment", "attach", "local/data-2", "--vm", "web-1", "--timeout", "4s"}, {}, Progress::Shown);
  EXPECT_EQ(ran.code, ExitCode::Pending);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(ran.err.substr(0, ran.err.find('\n')),
            "local/data-2 at vm:web-1: waiting, open up: plug: no free hot-plug slot (8 of 8 used)");
}

}  // namespace
}  // namespace blockplug::cli::testing
