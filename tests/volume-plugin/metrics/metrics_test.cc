// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/metrics/metrics.h"

#include <gtest/gtest.h>

#include "hotplug/rungs.h"

namespace blockplug {
namespace {
using std::chrono::milliseconds;

class MetricsTest : public ::testing::Test {
 protected:
  // A line of the text with exactly these labels, in any of Prometheus' orders: our labels are sorted.
  void expect_line(const std::string& line) const {
    const auto text = metrics_.text(reading_);
    EXPECT_NE(("\n" + text).find("\n" + line + "\n"), std::string::npos) << line << "\nis not in:\n" << text;
  }
  void expect_nowhere(const std::string& part) const { EXPECT_EQ(metrics_.text(reading_).find(part), std::string::npos) << part; }
  AttachmentReport& attach(const std::string& volume, const std::string& target, State state) {
    AttachmentReport report;
    report.key = {VolumeId{volume}, TargetId{target}};
    report.is_desired = true;
    report.state = state;
    reading_.attachments.push_back(report);
    return reading_.attachments.back();
  }

  Metrics metrics_{{"1.2.3", "node-1", {"local", "ceph"}}};
  Metrics::Reading reading_;
};

TEST_F(MetricsTest, CountsCallsByKindBackendAndOutcome) {
  for (const int took : {3, 30}) metrics_.count(DoorCallEnd{"attach", "ceph/a", std::nullopt, milliseconds{took}});
  metrics_.count(DoorCallEnd{"attach", "ceph/b", Code::FailedPrecondition, milliseconds{70'000}});
  metrics_.count(DoorCallEnd{"create", "local", std::nullopt, milliseconds{1}});
  const std::string ok = R"(blockplug_operation_duration_seconds_bucket{backend="ceph",kind="attach",outcome="OK",le=")";
  expect_line(ok + R"(0.005"} 1)");
  expect_line(ok + R"(0.05"} 2)");
  expect_line(ok + R"(+Inf"} 2)");
  expect_line(R"(blockplug_operation_duration_seconds_sum{backend="ceph",kind="attach",outcome="FAILED_PRECONDITION"} 70)");
  expect_line(R"(blockplug_operation_duration_seconds_count{backend="local",kind="create",outcome="OK"} 1)");
}

// A caller may write what he likes: each name would be a series of its own, for ever.
TEST_F(MetricsTest, HasNoNameThatACallerMadeUp) {
  metrics_.count(DoorCallEnd{"attach", "made-up/\"secret", Code::NotFound, milliseconds{1}});
  expect_line(R"(blockplug_operation_duration_seconds_count{backend="",kind="attach",outcome="NOT_FOUND"} 1)");
  expect_nowhere("made-up");
  expect_nowhere("secret");
}

TEST_F(MetricsTest, CountsStepsAndOrders) {
  StepEnd end;
  end.volume = VolumeId{"local/a"};
  end.kind = Step::Kind::Raise;
  end.what = "plug";
  end.outcome = StepEnd::Outcome::Waiting;
  end.took = milliseconds{12};
  metrics_.count(end);
  end.kind = Step::Kind::Perform;
  end.what = "resize";
  end.outcome = StepEnd::Outcome::Failed;
  metrics_.count(end);
  expect_line(R"(blockplug_step_duration_seconds_count{backend="local",outcome="waiting",rung="plug",step="raise"} 1)");
  expect_line(R"(blockplug_order_duration_seconds_count{backend="local",kind="resize",outcome="failed"} 1)");
}

TEST_F(MetricsTest, CountsCsiCalls) {
  metrics_.count(csi::CallEnd{"csi-1", "NodeStageVolume ceph/a: OK (5 ms)", "NodeStageVolume", std::nullopt, milliseconds{5}});
  metrics_.count(csi::CallEnd{"csi-2", "", "NodeStageVolume", Code::Aborted, milliseconds{5}});
  expect_line(R"(blockplug_csi_call_duration_seconds_count{code="OK",method="NodeStageVolume"} 1)");
  expect_line(R"(blockplug_csi_call_duration_seconds_count{code="ABORTED",method="NodeStageVolume"} 1)");
  expect_nowhere("ceph/a");
}

TEST_F(MetricsTest, TellsWhatIsSoNow) {
  auto& stuck = attach("ceph/a", "vm:web", State::Stuck);
  stuck.attempts = 9;
  stuck.rungs.push_back({{rungs::kHold, {}}, "up", {}, {}, {}, {}});
  stuck.rungs.push_back({{rungs::kPlug, {}}, "lowering", {}, {}, {}, {}});
  attach("ceph/b", "vm:web", State::Stuck);
  attach("local/c", "host", State::Attached);
  reading_.queue.push_back({VolumeId{"ceph/a"}, "order 7 (resize)", "admin-1", "retrying", "no", 4, {}});
  VmState vm;
  vm.state = "running";
  vm.disks = 2;
  vm.free_slots = 6;
  reading_.vms = {vm, vm};
  reading_.vms[1].free_slots = 3;
  reading_.store_commits = 12;
  expect_line(R"(blockplug_attachments{backend="ceph",desired="attached",state="stuck",target="vm"} 2)");
  expect_line(R"(blockplug_attachments{backend="local",desired="attached",state="attached",target="host"} 1)");
  expect_line(R"(blockplug_attachments{backend="local",desired="attached",state="fenced",target="host"} 0)");
  expect_line(R"(blockplug_rungs{rung="hold",state="up"} 1)");
  expect_line(R"(blockplug_queue_entries{state="retrying"} 1)");
  expect_line(R"(blockplug_most_attempts 9)");
  expect_line(R"(blockplug_vms{state="running"} 2)");
  expect_line(R"(blockplug_vm_disks 4)");
  expect_line(R"(blockplug_vm_free_slots 3)");
  expect_line(R"(blockplug_store_commits_total{outcome="ok"} 12)");
  expect_line(R"(blockplug_store_low_on_space 0)");
  expect_line(R"(blockplug_build_info{node="node-1",version="1.2.3"} 1)");
}

TEST_F(MetricsTest, HasAHelpAndATypeForEachFamily) {
  metrics_.count(DoorCallEnd{"attach", "ceph/a", std::nullopt, milliseconds{3}});
  const auto text = metrics_.text(reading_);
  std::set<std::string> helped, typed;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    const auto line = text.substr(at, text.find('\n', at) - at);
    const auto word = [&](std::size_t from) { return line.substr(from, line.find(' ', from) - from); };
    const bool is_new = line.starts_with("# HELP ")   ? helped.insert(word(7)).second
                        : line.starts_with("# TYPE ") ? typed.insert(word(7)).second
                                                      : true;
    EXPECT_TRUE(is_new) << line;
  }
  EXPECT_EQ(helped, typed);
  EXPECT_TRUE(helped.contains("blockplug_operation_duration_seconds"));
  EXPECT_TRUE(helped.contains("process_resident_memory_bytes"));
}

}  // namespace
}  // namespace blockplug
