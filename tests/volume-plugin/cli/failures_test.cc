// SPDX-License-Identifier: Apache-2.0
// The program's exit codes and messages on failure.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <thread>

#include "tests/volume-plugin/cli/fake_admin.h"
#include "tests/volume-plugin/cli/program.h"
#include "volume-plugin/version.h"

namespace blockplug::cli::testing {
namespace {

const std::vector<std::string> kAttach{"attachment", "attach", "local/data", "--vm", "web-0"};

std::vector<std::string> with(std::vector<std::string> words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(Failure, OfTheCommandLineIsUsage) {
  const std::pair<std::vector<std::string>, const char*> table[] = {
      {{}, "no command given"},
      {{"volume"}, "subcommand is required"},
      {{"volume", "paint"}, "'paint' is not a command"},
      {{"paint"}, "paint"},
      {{"plan", "--colour"}, "--colour"},
      {{"volume", "create", "a"}, "--size is required"},
      {{"volume", "create", "--size", "1GiB"}, "NAME is required"},
      {{"volume", "create", "a", "--size", "0"}, "must be more than 0"},
      {{"volume", "create", "a", "--size", "-5"}, "is not valid"},
      {{"volume", "create", "a", "--size", "513"}, "the next larger one is 1024"},
      {{"volume", "create", "a", "--size", "8EiB"}, "too large"},
      {{"volume", "create", "a", "--flatten", "--size", "1GiB"}, "--flatten requires --from"},
      {{"volume", "create", "a", "--from", "ceph"}, "it names no backend"},
      {{"volume", "create", "a", "--from", "ceph/b@"}, "it is empty"},
      {{"volume", "modify", "ceph/a"}, "nothing to change"},
      {{"volume", "modify", "ceph/a", "--iops", "many"}, "is not a limit"},
      {{"volume", "modify", "ceph/a", "--iops", "-1"}, "it must be 1 to 1000000000, or 0 for no limit"},
      {{"volume", "modify", "ceph/a", "--bytes-per-second", "2TB"}, "it must be 1 to 1000000000000"},
      {{"snapshot", "create", "ceph/a", "blockplug.x"}, "reserved for Blockplug"},
      {{"snapshot", "create", "ceph/a", "a@b"}, "it contains '@'"},
      {{"snapshot", "delete", "ceph/a"}, "it has no '@'"},
      {{"volume", "expand", "a", "--size", "1GiB"}, "it names no backend"},
      {{"attachment", "attach", "local/a"}, "no target given: use --vm ID or --path DIR"},
      {{"attachment", "attach", "local/a", "--vm", "x", "--path", "/srv"}, "--vm and --path cannot be used together"},
      {{"attachment", "attach", "local/a", "--path", "srv"}, "--path: 'srv' is not absolute"},
      {{"attachment", "attach", "local/a", "--path", "/srv/../x"}, "contains '..'"},
      {{"attachment", "attach", "local/a", "--vm", "x", "--guest-path", "data"}, "--guest-path: 'data' is not absolute"},
      {{"attachment", "attach", "local/a", "--path", "/srv", "--guest-path", "/x"}, "--guest-path needs --vm"},
      {{"attachment", "attach", "local/a", "--path", "/srv", "--wait-for-vm"}, "--wait-for-vm needs --vm"},
      {{"attachment", "attach", "local/a", "--vm", "x", "--block"}, "--block needs --path"},
      {{"attachment", "attach", "local/a", "--path", "/srv", "--block", "--fs", "ext4"}, "--block and --fs"},
      {{"attachment", "attach", "local/a", "--path", "/srv", "--block", "--mount-flags", "nodev"}, "--block and --mount-flags"},
      {{"attachment", "attach", "local/a", "--vm", "x", "--fs", "xfs"}, "--fs needs --guest-path or --path"},
      {{"attachment", "attach", "local/a", "--vm", "x", "--mount-flags", "nodev"}, "--mount-flags needs --guest-path or --path"},
      {{"attachment", "attach", "local/a", "--path", "/srv", "--mount-flags", ","}, "the list is empty"},
      {{"attachment", "attach", "local/a", "--path", "/srv", "--fs", "vfat"}, "vfat"},
      {{"attachment", "detach", "local/a", "--vm", "x", "--path", "/srv"}, "--vm and --path cannot be used together"},
      {{"attachment", "detach", "local/a", "--path", "srv"}, "not absolute"},
      {{"attachment", "detach", "local/a", "--path", "/srv", "--force"}, "--force works for VMs only"},
      {{"repair"}, "no volume given: name one, or use --all; --dry-run only lists orphans"},
      {{"repair", "local/a", "--all"}, "cannot be used together"},
      {{"repair", "a"}, "it names no backend"},
      {{"doctor", "me"}, "me"},
      {{"attachment", "attach", "", "--vm", "x"}, "it is empty"},
      {{"attachment", "attach", "local/a", "--vm", "a/b"}, "it contains '/'"},
      {{"attachment", "attach", "local/a", "--vm", "x", "--timeout", "60"}, "such as 60s"},
      {{"attachment", "attach", "local/a", "local/b", "--vm", "x"}, "local/b"},
      {{"-o", "xml", "plan"}, "xml"},
      {{"--endpoint", "localhost:80", "plan"}, "is not a unix socket"},
  };
  for (const auto& [words, says] : table) {
    const auto ran = Program::run_as_it_is(words);
    EXPECT_EQ(ran.code, ExitCode::UsageOrNotConfirmed) << says;
    EXPECT_EQ(ran.out, "") << says;
    EXPECT_NE(ran.err.find(says), std::string::npos) << ran.err;
    EXPECT_NE(ran.err.find("--help"), std::string::npos) << ran.err;
  }
}

TEST(Failure, OfTheCommandLineIsJsonWhereThatWasAskedFor) {
  const auto ran = Program::run_as_it_is({"volume", "create", "a", "--size", "0", "-o", "json"});
  EXPECT_EQ(ran.code, ExitCode::UsageOrNotConfirmed);
  EXPECT_TRUE(ran.err.starts_with("{\"code\":\"INVALID_ARGUMENT\",\"message\":\"--size: ")) << ran.err;
}

TEST(Help, IsAResultAndNeedsNoDaemon) {
  const auto ran = Program::run_as_it_is({"attachment", "attach", "--help"});
  EXPECT_EQ(ran.code, ExitCode::ItIsSo);
  EXPECT_NE(ran.out.find("--wait-for-vm"), std::string::npos) << ran.out;
  EXPECT_EQ(ran.err, "");
}

TEST(NoDaemon, IsSaidWithTheSocketAndWhatToDo) {
  const Program program;
  for (const auto* socket_is : {"missing", "deserted"}) {
    const auto ran = program.run(kAttach);
    EXPECT_EQ(ran.code, ExitCode::NoDaemon) << socket_is;
    EXPECT_NE(ran.err.find(program.socket()), std::string::npos) << ran.err;
    EXPECT_NE(ran.err.find("start blockplugd"), std::string::npos) << ran.err;
    EXPECT_NE(ran.err.find("--endpoint"), std::string::npos) << ran.err;
    // A socket file that its daemon left behind.
    const FileDescriptor left(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    program.socket().copy(address.sun_path, sizeof(address.sun_path) - 1);
    ::bind(left.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  }
}

TEST(NoDaemon, DoesNotKeepTheVersionBack) {
  const Program program;
  const auto ran = program.run({"--version"});
  EXPECT_EQ(ran.code, ExitCode::ItIsSo);
  EXPECT_EQ(ran.out, "blockplug " + std::string(version()) + "\n");
  EXPECT_EQ(ran.err, "");
}

// A daemon that is killed during a call.
TEST(NoDaemon, IsSaidWhenItGoesAwayInMidCall) {
  const Program program;
  FileDescriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  program.socket().copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  std::jthread dying([&] {
    const FileDescriptor connection(::accept(listener.get(), nullptr, nullptr));
    ::unlink(program.socket().c_str());
    char byte{};
    static_cast<void>(::read(connection.get(), &byte, 1));
  });
  const auto ran = program.run(kAttach);
  EXPECT_EQ(ran.code, ExitCode::NoDaemon) << ran.err;
  EXPECT_NE(ran.err.find("the daemon went away"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("repeat the command"), std::string::npos) << ran.err;
}

class AsNobody {
 public:
  AsNobody() { static_cast<void>(::seteuid(65534)); }
  ~AsNobody() { static_cast<void>(::seteuid(::getuid())); }
};

TEST(Permission, ThatIsMissingIsRefusedWithAdvice) {
  const Program program;
  const FakeAdmin admin(program.socket(), {});
  ::chmod(program.socket().c_str(), 0);
  ::chmod(std::filesystem::path(program.socket()).parent_path().c_str(), 0755);
  const auto ran = [&] {
    const AsNobody nobody;
    return program.run(kAttach);
  }();
  EXPECT_EQ(ran.code, ExitCode::Refused);
  EXPECT_EQ(ran.err, "blockplug: permission denied for " + program.socket() + ": run as root (sudo blockplug ...)\n");
}

TEST(Refusal, IsPassedOnInTheDaemonsWords) {
  const Program program;
  const FakeAdmin admin(program.socket(), {.error = no_effect(Code::NotFound, "no VM web-0: there is no socket")});
  const auto ran = program.run(kAttach);
  EXPECT_EQ(ran.code, ExitCode::Refused);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(ran.err, "blockplug: no VM web-0: there is no socket\n");
  EXPECT_EQ(program.run(with(kAttach, {"-o", "json"})).err,
            "{\"code\":\"NOT_FOUND\",\"message\":\"no VM web-0: there is no socket\",\"volume\":\"local/data\"}\n");
}

TEST(Refusal, IsToBeOvertakenByTheOpposite) {
  const Program program;
  const FakeAdmin admin(program.socket(), {.error = no_effect(Code::Aborted, "a detach was asked for since")});
  EXPECT_EQ(program.run(kAttach).code, ExitCode::Refused);
}

TEST(Deadline, LeavesItDesired) {
  const Program program;
  const FakeAdmin admin(program.socket(), {.error = no_effect(Code::DeadlineExceeded, "timed out. plug: waiting: a free slot.")});
  const auto ran = program.run(kAttach);
  EXPECT_EQ(ran.code, ExitCode::Pending);
  EXPECT_EQ(ran.err,
            "blockplug: timed out. plug: waiting: a free slot; for its progress run: blockplug attachment explain local/data\n");
  EXPECT_EQ(program.run({"attachment", "list"}).code, ExitCode::Refused) << "a list is no desired state";
}

TEST(Deadline, EndsTheCallToADaemonThatDoesNotEvenAnswer) {
  const Program program;
  const FakeAdmin admin(program.socket(), {.hangs = true});
  const auto ran = program.run({"attachment", "detach", "local/data", "--timeout", "1ms"});
  EXPECT_EQ(ran.code, ExitCode::Pending);
  EXPECT_EQ(ran.err,
            "blockplug: the daemon did not answer within 1100ms; for its progress run: blockplug attachment explain local/data\n");
}

TEST(Interrupt, CancelsTheCallAndLeavesItDesired) {
  const Program program;
  const FakeAdmin admin(program.socket(), {.hangs = true});
  std::stop_source interrupt;
  std::jthread person([&] {
    admin.wait_for_call();
    interrupt.request_stop();
  });
  const auto ran = program.run(with(kAttach, {"-o", "json"}), interrupt.get_token());
  EXPECT_EQ(ran.code, ExitCode::Pending);
  EXPECT_EQ(ran.err,
            "{\"code\":\"CANCELLED\",\"message\":\"interrupted; the request is still pending; for its progress run: "
            "blockplug attachment explain local/data\",\"volume\":\"local/data\"}\n");
}

TEST(Interrupt, BeforeTheCallAsksNothing) {
  const Program program;
  const FakeAdmin admin(program.socket(), {});
  std::stop_source interrupt;
  interrupt.request_stop();
  const auto ran = program.run(kAttach, interrupt.get_token());
  EXPECT_EQ(ran.code, ExitCode::Refused);
  EXPECT_EQ(ran.err, "blockplug: interrupted before the request was sent\n");
  EXPECT_TRUE(admin.calls().empty());
}

}  // namespace
}  // namespace blockplug::cli::testing
