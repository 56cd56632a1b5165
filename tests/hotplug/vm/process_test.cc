// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/process.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hotplug/vm/process_book.h"
#include "tests/hotplug/vm/vm_worlds.h"

namespace blockplug {
namespace {
using testing::TemporaryDirectory;

// A process that waits for its end.
class Sleeper {
 public:
  Sleeper() : pid_(::fork()) {
    if (pid_ == 0) {
      ::execlp("sleep", "sleep", "1000", nullptr);
      ::_exit(127);
    }
  }
  ~Sleeper() { bury(); }
  void kill() const {
    ::kill(pid_, SIGKILL);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);  // a zombie from here on
  }
  void bury() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, -1), nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

TEST(Process, IsProvenDeadByItsEndAndByNothingLess) {
  Sleeper sleeper;
  const auto process = identify_process(sleeper.pid());
  ASSERT_TRUE(process.has_value());
  EXPECT_FALSE(is_proven_dead(*process));
  EXPECT_TRUE(watch_process(*process).is_open());
  EXPECT_LT(age_of(*process), std::chrono::minutes(1));
  sleeper.kill();
  EXPECT_TRUE(is_proven_dead(*process)) << "a zombie writes nothing any more";
  EXPECT_FALSE(identify_process(sleeper.pid()).has_value());
  sleeper.bury();
  EXPECT_TRUE(is_proven_dead(*process));
  EXPECT_FALSE(watch_process(*process).is_open());
}

TEST(Process, IsNotALaterOneWithTheSamePid) {
  auto process = *identify_process(::getpid());
  EXPECT_FALSE(is_proven_dead(process));
  process.start_time += 1;
  EXPECT_TRUE(is_proven_dead(process));
  process = *identify_process(::getpid());
  process.boot_id = "another boot";
  EXPECT_TRUE(is_proven_dead(process));
}

TEST(Process, HasAPidfdThatTellsItsEnd) {
  Sleeper sleeper;
  const auto pidfd = watch_process(*identify_process(sleeper.pid()));
  pollfd ready{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ready, 1, 0), 0);
  sleeper.kill();
  EXPECT_EQ(::poll(&ready, 1, 10000), 1);
}

TEST(Process, IsKeptInFactsAndReadBack) {
  const auto process = *identify_process(::getpid());
  Facts facts;
  put_facts(process, facts);
  EXPECT_EQ(process_from_facts(facts, ""), process);
  EXPECT_EQ(process_from_facts(facts, "open."), std::nullopt);
  facts["vm.pid"] = "x";
  EXPECT_EQ(process_from_facts(facts, ""), std::nullopt);
}

TEST(ProcessBook, RemembersTheLivingAcrossLives) {
  const TemporaryDirectory directory;
  Sleeper first, second;
  const auto one = *identify_process(first.pid()), two = *identify_process(second.pid());
  {
    ProcessBook book(directory / "book");
    EXPECT_TRUE(book.remember("web-0", one).ok());
    EXPECT_TRUE(book.remember("web-0", two).ok());
    EXPECT_TRUE(book.remember("web-0", two).ok());
  }
  ProcessBook book(directory / "book");
  EXPECT_EQ(book.living().at("web-0"), (std::vector{one, two}));
  first.bury();
  EXPECT_EQ(book.living().at("web-0"), std::vector{two});
  book.forget("web-0", two);
  EXPECT_TRUE(book.living().empty());
}

TEST(ProcessBook, SaysWhenItCannotBeWritten) {
  const TemporaryDirectory directory;
  std::ofstream(directory / "book").close();
  ProcessBook book(directory / "book");
  const auto status = book.remember("web-0", *identify_process(::getpid()));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::Unavailable);
}

}  // namespace
}  // namespace blockplug
