// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/helper/helper.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>
#include <thread>

#include "hotplug/host/file_descriptor.h"
#include "hotplug/host/helper/program.h"
#include "hotplug/host/process/process.h"
#include "tests/support/event_log.h"
#include "tests/support/process_census.h"

namespace blockplug {
namespace {
namespace fs = std::filesystem;
using blockplug::testing::ProcessCensus;
using std::chrono::milliseconds;
using std::chrono::seconds;

// An answer as a format of the shell's printf.
std::string answer_text(const Result<Facts>& answer) {
  std::string text;
  for (const char letter : encode_answer(answer)) text += letter == '\0' ? std::string("\\000") : std::string(1, letter);
  return text;
}

class HelperTest : public ::testing::Test {
 protected:
  HelperTest() {
    auto path = ::testing::TempDir() + "helper-XXXXXX";
    EXPECT_NE(::mkdtemp(path.data()), nullptr);
    directory_ = path;
  }
  ~HelperTest() override {
    for (const auto pid : left_) {
      ::kill(-pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child or a zombie was left behind";
    fs::remove_all(directory_);
  }

  // A helper that is a script; one that is left behind writes its pid to the file `pid`.
  std::string script(const std::string& text) {
    const auto path = directory_ / ("script-" + std::to_string(++scripts_));
    std::ofstream(path) << "#!/bin/sh\ncd " << directory_.native() << "\necho $$ > pid.new; mv pid.new pid\n" << text << "\n";
    fs::permissions(path, fs::perms::owner_all);
    return path;
  }
  std::string answers(const Result<Facts>& answer) { return "cat > request; printf '" + answer_text(answer) + "'\n"; }
  HelperTask task(milliseconds patience = seconds(20)) {
    return {.verb = "act",
            .arguments = {{"a", "1"}},
            .volume = VolumeId("local/data"),
            .what = "the act",
            .deadline = Clock::now() + patience};
  }
  std::string book() const { return directory_ / "book"; }
  std::string content(const std::string& name) const {
    std::ifstream file(directory_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  pid_t pid() {
    const auto found = std::atoi(content("pid").c_str());
    EXPECT_GT(found, 1);
    return found;
  }
  void end(pid_t pid) {  // ends a helper that was left behind: it waits for a reader of its fifo
    ::kill(-pid, SIGKILL);
  }
  std::size_t pages() const {
    std::error_code problem;
    const fs::directory_iterator entries(book(), problem);
    return problem ? 0 : static_cast<std::size_t>(std::distance(entries, fs::directory_iterator()));
  }
  bool soon(const std::function<bool()>& is_so) { return events_.wait_until(is_so); }

  fs::path directory_;
  std::vector<pid_t> left_;

 private:
  int scripts_{};
  blockplug::testing::EventLog events_;
};

TEST_F(HelperTest, GivesTheRequestAndBringsTheAnswer) {
  Helper helper(script(answers(Facts{{"device", "/dev/loop3"}})), book());
  const auto answer = helper.run(task());
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(*answer, (Facts{{"device", "/dev/loop3"}}));
  EXPECT_EQ(*decode(content("request")), (Facts{{"argument.a", "1"}, {"verb", "act"}}));
  EXPECT_EQ(helper.busy(VolumeId("local/data")), std::nullopt);
  EXPECT_EQ(pages(), 0U);
}

TEST_F(HelperTest, BringsAnErrorWithItsCodeAndEffect) {
  for (const auto& error : {no_effect(Code::FailedPrecondition, "still in use"), maybe_effect(Code::DataLoss, "who knows")}) {
    Helper helper(script(answers(error)), book());
    const auto answer = helper.run(task());
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error(), error);
  }
}

TEST_F(HelperTest, TellsADeathWithoutAnAnswer) {
  struct Row {
    const char *name, *script, *said;
  };
  for (const auto& row :
       {Row{"exits", "cat > request; exit 3", "it exited with status 3"},
        Row{"is killed", "cat > request; kill -9 $$", "signal 9 ended it"},
        Row{"cut short", "cat > request; printf 'fact.a\\0001\\000'", "it exited with status 0"},
        Row{"does not listen", "while [ ! -e book/$$ ]; do :; done; exec 0<&-; exit 4", "it exited with status 4"}}) {
    Helper helper(script(row.script), book());
    const auto answer = helper.run(task());
    ASSERT_FALSE(answer.ok()) << row.name;
    EXPECT_EQ(answer.error().code, Code::Internal) << row.name;
    EXPECT_EQ(answer.error().effect, Effect::Unknown) << row.name;
    EXPECT_NE(answer.error().message.find(row.said), std::string::npos) << answer.error().message;
    EXPECT_EQ(pages(), 0U) << row.name;
  }
}

TEST_F(HelperTest, RefusesWithoutEffectWhatCannotBeginAtAll) {
  Helper missing(directory_ / "nothing", book());
  const auto answer = missing.run(task());
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, Code::Unavailable);
  EXPECT_EQ(answer.error().effect, Effect::None);
  EXPECT_NE(answer.error().message.find("install blockplug-helper"), std::string::npos) << answer.error().message;

  Helper helper(script(answers(Facts{})), book());
  auto with_nul = task();
  with_nul.arguments["b"] = std::string("x\0y", 3);
  EXPECT_EQ(helper.run(with_nul).error().code, Code::InvalidArgument);
  auto stopped = task();
  std::stop_source source;
  source.request_stop();
  stopped.stop = source.get_token();
  EXPECT_EQ(helper.run(stopped).error().effect, Effect::None);
  EXPECT_FALSE(fs::exists(directory_ / "request"));
}

TEST_F(HelperTest, TellsNothingToAHelperThatItCannotWriteDown) {
  std::ofstream(directory_ / "book") << "a file in the way of the directory";
  Helper helper(script(answers(Facts{})), book());
  const auto answer = helper.run(task());
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().effect, Effect::None);
  EXPECT_EQ(content("request"), "");
}

TEST_F(HelperTest, LeavesBehindWhatHasNotEndedByTheDeadlineAndNamesIt) {
  ASSERT_EQ(::mkfifo((directory_ / "never").c_str(), 0600), 0);
  Helper helper(script("cat > request; read x < never"), book());
  const auto answer = helper.run(task(milliseconds(1500)));
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, Code::DeadlineExceeded);
  EXPECT_EQ(answer.error().effect, Effect::Unknown);
  left_.push_back(pid());
  EXPECT_EQ(helper.busy(VolumeId("local/data")), "the act (process " + std::to_string(pid()) + ") has not ended");
  EXPECT_EQ(helper.busy(VolumeId("local/other")), std::nullopt);
  EXPECT_EQ(pages(), 1U);
  end(pid());
  EXPECT_TRUE(soon([&] { return !helper.busy(VolumeId("local/data")); }));
  EXPECT_EQ(pages(), 0U);
  EXPECT_EQ(::waitpid(left_.front(), nullptr, WNOHANG), -1) << "it stayed a zombie";
  left_.clear();
}

TEST_F(HelperTest, IsFoundAgainByALaterLifeThroughTheBook) {
  ASSERT_EQ(::mkfifo((directory_ / "never").c_str(), 0600), 0);
  const auto program = script("cat > request; read x < never");
  {
    Helper first(program, book());
    EXPECT_FALSE(first.run(task(milliseconds(1500))).ok());
  }
  left_.push_back(pid());
  std::ofstream(book() + "/999999") << "999999 17 another-boot\nlocal/data\nlong ago\n";
  std::ofstream(book() + "/999998") << "9999";
  Helper second(program, book());
  EXPECT_EQ(second.busy(VolumeId("local/data")), "the act (process " + std::to_string(pid()) + ") has not ended");
  EXPECT_EQ(pages(), 1U) << "what has ended, or was told nothing, is forgotten";
  end(pid());
  EXPECT_TRUE(soon([&] { return !second.busy(VolumeId("local/data")); }));
  EXPECT_EQ(pages(), 0U);
  left_.clear();
}

TEST_F(HelperTest, IsInTheBookWhileItRuns) {
  Helper helper(script("cat > request; cat book/$$ > page; printf '" + answer_text(Facts{}) + "'"), book());
  ASSERT_TRUE(helper.run(task()).ok());
  EXPECT_NE(content("page").find("\nlocal/data\nthe act\n"), std::string::npos) << content("page");
}

TEST_F(HelperTest, WaitsAFewSecondsOnceItIsToldToStop) {
  ASSERT_EQ(::mkfifo((directory_ / "never").c_str(), 0600), 0);
  Helper helper(script("cat > request; read x < never"), book());
  std::stop_source source;
  auto stopped = task(seconds(60));
  stopped.stop = source.get_token();
  const auto began = Clock::now();
  std::jthread stopper([&] {
    EXPECT_TRUE(soon([&] { return fs::exists(directory_ / "request"); }));
    source.request_stop();
  });
  EXPECT_EQ(helper.run(stopped).error().code, Code::DeadlineExceeded);
  EXPECT_GT(Clock::now() - began, seconds(4));
  EXPECT_LT(Clock::now() - began, seconds(20));
  left_.push_back(pid());
}

TEST_F(HelperTest, BringsAnAnswerOfOneThatDoesNotEndAndStaysBusyWithIt) {
  ASSERT_EQ(::mkfifo((directory_ / "never").c_str(), 0600), 0);
  Helper helper(script(answers(Facts{{"a", "b"}}) + "exec 0<&- 1>&-; read x < never"), book());
  const auto began = Clock::now();
  const auto answer = helper.run(task(seconds(60)));
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_LT(Clock::now() - began, seconds(10));
  left_.push_back(pid());
  EXPECT_TRUE(helper.busy(VolumeId("local/data")));
  end(pid());
  EXPECT_TRUE(soon([&] { return !helper.busy(VolumeId("local/data")); }));
  left_.clear();
}

TEST_F(HelperTest, StaysBusyWithWhatADeadHelperHadBegun) {
  ASSERT_EQ(::mkfifo((directory_ / "never").c_str(), 0600), 0);
  Helper helper(script("cat > request; (exec 0<&- 1>&-; read x < never) & kill -9 $$"), book());
  const auto answer = helper.run(task());
  EXPECT_EQ(answer.error().code, Code::Internal);
  EXPECT_NE(answer.error().message.find("that it began has not ended"), std::string::npos) << answer.error().message;
  EXPECT_TRUE(helper.busy(VolumeId("local/data")));
  EXPECT_EQ(pages(), 1U);
  ::kill(-pid(), SIGKILL);
  EXPECT_TRUE(soon([&] { return !helper.busy(VolumeId("local/data")); }));
}

TEST_F(HelperTest, StaysBusyWithWhatAKilledHelperThatWasLeftBehindHadBegun) {
  ASSERT_EQ(::mkfifo((directory_ / "never").c_str(), 0600), 0);
  Helper helper(script("cat > request; (exec 0<&- 1>&-; read x < never) & read y < never"), book());
  EXPECT_FALSE(helper.run(task(milliseconds(1500))).ok());
  const auto helper_pid = pid();
  ::kill(helper_pid, SIGKILL);  // as by a person who uses the number in the message; not its group
  const auto busy_with_another = [&] {
    const auto text = helper.busy(VolumeId("local/data"));
    return text && text->find("(process " + std::to_string(helper_pid) + ")") == std::string::npos;
  };
  EXPECT_TRUE(soon(busy_with_another)) << "what it began goes on";
  EXPECT_EQ(pages(), 1U);
  {
    Helper later_life(script(""), book());
    EXPECT_TRUE(later_life.busy(VolumeId("local/data")));
  }
  ::kill(-helper_pid, SIGKILL);
  EXPECT_TRUE(soon([&] { return !helper.busy(VolumeId("local/data")); }));
  EXPECT_EQ(pages(), 0U);
}

TEST_F(HelperTest, SendsRequestsAndBringsAnswersLargerThanAPipe) {
  const std::string large(900'000, 'x');
  Helper helper(script("cat > request; head -c 900000 request | tr -c 'x' x > body; { printf 'fact.body\\000'; cat body; printf "
                       "'\\000whole\\000yes\\000'; }"),
                book());
  auto big = task();
  big.arguments["body"] = large;
  const auto answer = helper.run(big);
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->at("body"), large);
  EXPECT_EQ(decode(content("request"))->at("argument.body"), large);
}

TEST_F(HelperTest, DoesNotReadAnAnswerWithoutEnd) {
  Helper helper(script("cat > request; exec cat /dev/zero"), book());
  const auto answer = helper.run(task(seconds(60)));
  EXPECT_EQ(answer.error().code, Code::DeadlineExceeded);
  left_.push_back(pid());
}

TEST_F(HelperTest, RunsManyAtOnceAndLeavesNoDescriptorAndNoZombie) {
  Helper helper(script(answers(Facts{{"a", "b"}})), book());
  ASSERT_TRUE(helper.run(task()).ok());
  const auto before = ProcessCensus::now();
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&] {
        for (int round = 0; round < 8; ++round) {
          const auto answer = helper.run(task());
          EXPECT_TRUE(answer.ok() && answer->at("a") == "b");
        }
      });
    }
  }
  EXPECT_EQ(ProcessCensus::once_it_is(before), before);
  EXPECT_EQ(pages(), 0U);
}

TEST_F(HelperTest, GivesItNothingOfOurs) {
  const FileDescriptor leaky(::open("/dev/zero", O_RDONLY));  // without O_CLOEXEC
  ::setenv("SECRET", "of ours", 1);
  sigset_t blocked, was;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &was);
  const auto was_handled = ::signal(SIGUSR2, SIG_IGN);
  Helper helper(script("cat > request; ls /proc/$$/fd > fds; ls -l /proc/$$/fd > links; env > environment; readlink /proc/$$/cwd > "
                       "cwd; readlink /proc/$$/fd/2 > error;"
                       "grep -E '^Sig(Blk|Ign)' /proc/self/status > signals; cut -d' ' -f1,6 /proc/$$/stat > session; printf '" +
                       answer_text(Facts{}) + "'"),
                book());
  const auto answer = helper.run(task());
  ::signal(SIGUSR2, was_handled);
  ::pthread_sigmask(SIG_SETMASK, &was, nullptr);
  ::unsetenv("SECRET");
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  // dash itself keeps descriptors above 9 open.
  const auto fds = content("fds");
  EXPECT_TRUE(fds.starts_with("0\n1\n1") || fds.starts_with("0\n1\n2")) << fds;
  EXPECT_EQ(fds.find_first_of("3456789"), std::string::npos) << fds;
  EXPECT_EQ(content("links").find("/dev/zero"), std::string::npos) << content("links");
  EXPECT_EQ(content("environment").find("SECRET"), std::string::npos);
  EXPECT_NE(content("environment").find("PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"), std::string::npos) << content("environment");
  EXPECT_NE(content("environment").find("LANG=C\n"), std::string::npos);
  EXPECT_EQ(content("error"), "/dev/null\n");
  // glibc's posix_spawn lets a child ignore its own two internal signals.
  const auto signals = content("signals");
  EXPECT_TRUE(signals == "SigBlk:\t0000000000000000\nSigIgn:\t0000000180000000\n" ||
              signals == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n")
      << signals;
  EXPECT_EQ(content("session"), std::to_string(pid()) + " " + std::to_string(pid()) + "\n");
}
}  // namespace
}  // namespace blockplug
