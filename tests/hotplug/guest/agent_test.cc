// SPDX-License-Identifier: Apache-2.0
#include "hotplug/guest/agent.h"

#include "tests/hotplug/guest/guest_world.h"

namespace blockplug::testing {
namespace {
using std::chrono::milliseconds;
using std::chrono::seconds;

class AgentTest : public ::testing::Test {
 protected:
  Result<Agent> connect(Clock::duration limit = seconds(10)) {
    return Agent::connect({"web-0", directory / "qga.sock"}, Clock::now() + limit, stop.get_token());
  }
  template <typename Use>
  void guest(Use use) {
    fake.with(use);
  }
  TemporaryDirectory directory;
  FakeAgent fake{directory / "qga.sock"};
  std::stop_source stop;
};

std::string text(const Error& error) {
  return std::string(to_text(error.code)) + (error.effect == Effect::None ? ", none: " : ", unknown: ") + error.message;
}

TEST_F(AgentTest, RunsAProgramAndReadsAFile) {
  guest([](FakeGuest& guest) { guest.looks_per_program = 4; });
  auto agent = connect();
  ASSERT_TRUE(agent.ok()) << agent.error().message;
  EXPECT_EQ(agent->look({"readlink", "-f", "/a b"})->output, "/a b\n");
  EXPECT_EQ(agent->look({"test", "-e", "/nowhere"})->exit_status, 1);
  EXPECT_EQ(agent->read_file("/proc/self/mountinfo", 0, 10).value(), "1 1 0:2 / ");
  EXPECT_EQ(agent->read_file("/proc/self/mountinfo", 4, 3).value(), "0:2");
}

TEST_F(AgentTest, ReadsALargeFileInPieces) {
  std::string bytes(300'000, 'x');
  for (std::size_t at = 0; at < bytes.size(); ++at) bytes[at] = static_cast<char>(at * 31 % 251);
  std::ofstream(directory / "disk", std::ios::binary) << bytes;
  guest([&](FakeGuest& guest) { guest.disks["vda"] = {directory / "disk", {}, "254:0", {}}; });
  auto agent = connect();
  ASSERT_TRUE(agent.ok());
  EXPECT_EQ(agent->read_file("/dev/vda", 0, 1'000'000).value(), bytes);
  EXPECT_EQ(agent->read_file("/dev/vda", 100'000, 150'000).value(), bytes.substr(100'000, 150'000));
}

TEST_F(AgentTest, PassesOverWhatIsNotForIt) {
  guest([](FakeGuest& guest) {
    guest.says_before = "half an answer {\"retu\xff{\"return\": 17}\nnonsense\n\xff\n[1]\n{\"return\": {\"pid\": 4}}\n";
    guest.sends_byte_by_byte = true;
  });
  auto agent = connect();
  ASSERT_TRUE(agent.ok()) << agent.error().message;
  EXPECT_EQ(agent->look({"readlink", "-f", "/x"})->output, "/x\n");
}

TEST_F(AgentTest, RefusesAnAnswerThatIsTooLongAndPassesOverWhatAnotherClientAskedFor) {
  guest([](FakeGuest& guest) { guest.says_before = std::string(3U << 20U, 'x') + "\n"; });
  auto agent = connect();
  ASSERT_TRUE(agent.ok()) << agent.error().message;
  EXPECT_TRUE(agent->look({"readlink", "-f", "/" + std::string(500'000, 'x')}).ok());
  EXPECT_EQ(text(agent->look({"readlink", "-f", "/" + std::string(1'000'000, 'x')}).error()),
            "FAILED_PRECONDITION, unknown: readlink is still running in the guest: the guest agent of VM web-0 did not answer "
            "guest-exec-status (its answer is longer than 1 MiB)");
}

TEST_F(AgentTest, PassesOnWhatTheAgentSaysInOneShortLine) {
  guest([](FakeGuest& guest) { guest.refuses_with = "no\n" + std::string(100'000, 'x'); });
  const auto refused = connect()->look({"ls"}).error().message;
  EXPECT_TRUE(refused.starts_with("the guest agent of VM web-0 refused guest-exec: no xxx")) << refused.substr(0, 200);
  EXPECT_TRUE(refused.ends_with("x...")) << refused.size();
  EXPECT_LT(refused.size(), 2100U);
}

TEST_F(AgentTest, SaysWhichProgramIsMissing) {
  guest([](FakeGuest& guest) { guest.missing_programs = {"mkfs.xfs"}; });
  EXPECT_EQ(text(connect()->look({"mkfs.xfs", "-V"}).error()), "NOT_FOUND, none: the guest has no mkfs.xfs");
  EXPECT_EQ(text(connect()->read_file("/nowhere", 0, 1).error()), "NOT_FOUND, none: the guest has no /nowhere");
}

TEST_F(AgentTest, SaysWhereAnAgentIsMissingOrMute) {
  EXPECT_EQ(text(Agent::connect({"web-0", "/nowhere/qga.sock"}, Clock::now() + seconds(5), {}).error()),
            "FAILED_PRECONDITION, none: VM web-0 has no guest agent socket at /nowhere/qga.sock: start QEMU with a virtserialport "
            "org.qemu.guest_agent.0 and its chardev there");
  EXPECT_NE(text(Agent::connect({"web-0", ""}, Clock::now() + seconds(5), {}).error()).find("Set vms.sockets"), std::string::npos);
  guest([](FakeGuest& guest) { guest.is_silent = true; });
  EXPECT_EQ(text(connect(milliseconds(200)).error()),
            "UNAVAILABLE, none: the guest agent of VM web-0 does not answer: check that qemu-guest-agent is running in the guest");
}

TEST_F(AgentTest, GivesUpAfterThreeSecondsWhereAnotherClientIsServed) {
  const auto first = connect();
  ASSERT_TRUE(first.ok());
  const auto start = Clock::now();
  EXPECT_EQ(connect().error().code, Code::Unavailable);
  EXPECT_LT(Clock::now() - start, seconds(9));
}

TEST_F(AgentTest, SaysWhatTheAgentMayNotDo) {
  guest([](FakeGuest& guest) { guest.blocked_commands = {"guest-exec"}; });
  EXPECT_EQ(text(connect()->look({"ls"}).error()),
            "FAILED_PRECONDITION, none: the guest agent of VM web-0 does not allow guest-exec: in the guest, remove it from the "
            "agent's block list (--blacklist or block-rpcs), or add it to its allow list (allow-rpcs)");
  guest([](FakeGuest& guest) { guest.is_frozen = true; });
  EXPECT_EQ(connect()->look({"ls"}).error().code, Code::Unavailable);
}

TEST_F(AgentTest, KnowsWhenSomethingMayHaveHappened) {
  auto agent = connect(milliseconds(3000));
  ASSERT_TRUE(agent.ok());
  EXPECT_TRUE(agent->look({"sync"}).ok());
  guest([](FakeGuest& guest) { guest.looks_per_program = 1'000'000; });
  const auto unfinished = agent->change({"sync"});
  EXPECT_EQ(unfinished.error().code, Code::DeadlineExceeded);
  EXPECT_EQ(unfinished.error().effect, Effect::Unknown);
  EXPECT_EQ(agent->look({"sync"}).error().effect,
            Effect::Unknown);  // not sent, but after a command that may have changed something
}

TEST_F(AgentTest, SaysThatTheTimeIsOverAlsoWhereNothingIsAnswered) {
  auto agent = connect(milliseconds(3000));
  ASSERT_TRUE(agent.ok());
  guest([](FakeGuest& guest) { guest.is_silent = true; });
  const auto unanswered = agent->change({"sync"});
  EXPECT_EQ(unanswered.error().code, Code::DeadlineExceeded);
  EXPECT_EQ(unanswered.error().effect, Effect::Unknown);
}

TEST_F(AgentTest, IsDoneWithAConnectionThatEnds) {
  auto agent = connect();
  ASSERT_TRUE(agent.ok());
  guest([](FakeGuest& guest) { guest.answers_left = 1; });
  const auto lost = agent->change({"sync"});
  EXPECT_EQ(lost.error().code, Code::Unavailable);
  EXPECT_EQ(lost.error().effect, Effect::Unknown);
}

TEST_F(AgentTest, GivesUpBetweenCommandsWhenToldTo) {
  auto agent = connect();
  ASSERT_TRUE(agent.ok());
  stop.request_stop();
  EXPECT_EQ(text(agent->look({"sync"}).error()),
            "CANCELLED, none: cancelled by a newer request, or because the daemon is stopping");
}

TEST_F(AgentTest, LeavesNothingOpen) {
  { EXPECT_TRUE(connect().ok()); }
  const auto before = std::distance(files::directory_iterator("/proc/self/fd"), files::directory_iterator());
  for (int round = 0; round < 20; ++round) EXPECT_TRUE(connect().ok());
  const auto after = std::distance(files::directory_iterator("/proc/self/fd"), files::directory_iterator());
  EXPECT_LE(after, before + 1);  // the fake may not have closed the last one yet
}

}  // namespace
}  // namespace blockplug::testing
