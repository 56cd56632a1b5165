// SPDX-License-Identifier: Apache-2.0
// `repair` and `doctor`: their requests, output and exit codes; and `doctor` without a daemon.
#include <gtest/gtest.h>

#include "tests/volume-plugin/cli/fake_admin.h"
#include "tests/volume-plugin/cli/golden.h"
#include "tests/volume-plugin/cli/program.h"
#include "volume-plugin/cli/json.h"

namespace blockplug::cli::testing {
namespace {
using namespace std::chrono_literals;

v1::RepairResponse all_gone() {
  auto response = orphans_sample();
  response.mutable_orphans()->RemoveLast();
  return response;
}

TEST(Repair, AsksForOneVolumeOrForAll) {
  const std::pair<std::vector<std::string>, const char*> table[] = {
      {{"repair", "local/lost"}, "Repair volume: \"local/lost\""},
      {{"repair", "--all"}, "Repair all: true"},
      {{"repair", "--dry-run"}, "Repair all: true dry_run: true"},
      {{"repair", "--dry-run", "--all"}, "Repair all: true dry_run: true"},
      {{"repair", "local/lost", "--dry-run"}, "Repair volume: \"local/lost\" dry_run: true"},
  };
  for (const auto& [words, asks] : table) {
    const Program program;
    const FakeAdmin admin(program.socket(), {.orphans = all_gone()});
    EXPECT_EQ(program.run(words).code, ExitCode::ItIsSo) << asks;
    EXPECT_EQ(admin.calls().at(0).text, asks);
    EXPECT_GT(admin.calls().at(0).time_left, 50s) << asks;
  }
}

TEST(Repair, OnlyShowsInADryRunAndSaysSo) {
  const Program program;
  const FakeAdmin admin(program.socket(), {.orphans = orphans_sample()});
  const auto ran = program.run({"repair", "--dry-run"});
  EXPECT_EQ(ran.code, ExitCode::ItIsSo);
  expect_golden("repair-dry-run.txt", ran.out);
  EXPECT_EQ(ran.err, "nothing was changed; to remove them run: blockplug repair --all, or blockplug repair VOLUME\n");
}

TEST(Repair, FailsWhereSomethingIsStillThere) {
  const Program program;
  const FakeAdmin admin(program.socket(), {.orphans = orphans_sample()});
  const auto ran = program.run({"repair", "--all"});
  EXPECT_EQ(ran.code, ExitCode::Refused);
  EXPECT_EQ(ran.err, "blockplug: 1 of 2 is still there: local/stays at vm:web-9\n");
  EXPECT_NE(ran.out.find("now    gone"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("still there: plug: the guest has not answered"), std::string::npos) << ran.out;
  const auto json = program.run({"repair", "--all", "-o", "json"});
  EXPECT_EQ(json.code, ExitCode::Refused);
  expect_golden("repair.json.txt", json.out);
}

TEST(Repair, HasATimeout) {
  const Program program;
  const FakeAdmin admin(program.socket(), {.hangs = true});
  const auto ran = program.run({"repair", "--all", "--timeout", "1ms"});
  EXPECT_EQ(ran.code, ExitCode::Pending);
  EXPECT_NE(ran.err.find("did not answer within 1100ms"), std::string::npos) << ran.err;
}

TEST(Doctor, FailsWhereSomethingIsMissingAndNamesIt) {
  const Program program;
  const FakeAdmin admin(program.socket(), {.checks = checks_sample()});
  const auto ran = program.run({"doctor"});
  EXPECT_EQ(ran.code, ExitCode::Refused);
  expect_golden("doctor.txt", ran.out + ran.err.substr(std::string("blockplug: ").size()));
  const auto json = program.run({"doctor", "-o", "json"});
  EXPECT_EQ(json.code, ExitCode::Refused);
  expect_golden("doctor.json.txt", json.out);
}

TEST(Doctor, IsContentWithWhatWorksWithLimits) {
  const Program program;
  auto checks = checks_sample();
  for (auto& check : *checks.mutable_checks())
    if (check.state() == "missing") check.set_state("limited");
  const FakeAdmin admin(program.socket(), {.checks = checks});
  const auto ran = program.run({"doctor"});
  EXPECT_EQ(ran.code, ExitCode::ItIsSo);
  EXPECT_TRUE(ran.out.ends_with("\nAll checks passed\n")) << ran.out;
  EXPECT_EQ(ran.err, "");
  EXPECT_EQ(program.run({"doctor", "-o", "json"}).out, checks_json(checks));
}

TEST(Doctor, ExaminesTheMachineItselfWhereNoDaemonIs) {
  const Program program;
  const auto ran = program.run({"doctor"});
  EXPECT_EQ(ran.code, ExitCode::NoDaemon);
  EXPECT_NE(ran.out.find("missing  daemon"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("no daemon answers at " + program.socket()), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("systemctl start blockplugd"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("  loop devices "), std::string::npos) << ran.out;
  EXPECT_NE(ran.err.find("no daemon: no such socket"), std::string::npos) << ran.err;
  const auto json = program.run({"doctor", "-o", "json"});
  EXPECT_EQ(json.code, ExitCode::NoDaemon);
  EXPECT_TRUE(json.out.starts_with("[\n  {\n    \"name\": \"daemon\",\n    \"state\": \"missing\"")) << json.out;
}

}  // namespace
}  // namespace blockplug::cli::testing
