// SPDX-License-Identifier: Apache-2.0
// `attachment watch`, and the signals that end it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <future>
#include <streambuf>

#include "tests/volume-plugin/cli/fake_admin.h"
#include "tests/volume-plugin/cli/program.h"
#include "volume-plugin/cli/interrupts.h"

namespace blockplug::cli::testing {
namespace {

// Output that signals each complete line.
class Lines : public std::streambuf {
 public:
  explicit Lines(std::function<void(int)> tell) : tell_(std::move(tell)) {}
  const std::string& text() const { return text_; }

 private:
  int_type overflow(int_type c) override {
    text_ += static_cast<char>(c);
    if (c == '\n') tell_(++count_);
    return c;
  }
  std::function<void(int)> tell_;
  std::string text_;
  int count_{};
};

TEST(Watch, TellsEachEventOnALineUntilInterruptedAndThenAllIsWell) {
  const Program program;
  v1::WatchEvent first, second;
  *first.mutable_attachment() = attached_sample();
  second = first;
  second.set_gone(true);
  const FakeAdmin admin(program.socket(), {.events = {first, second}});
  std::stop_source interrupt;
  Lines lines([&](int count) {
    if (count == 2) interrupt.request_stop();
  });
  std::ostream out(&lines);
  std::ostringstream err;
  const auto code = run({"--endpoint", program.socket(), "attachment", "watch"},
                        {out, err, Progress::Silent, interrupt.get_token(), [] { return kNow; }});
  EXPECT_EQ(code, ExitCode::ItIsSo);
  EXPECT_EQ(lines.text(), "local/data-1 at vm:web-0: attached, plug up\nlocal/data-1 at vm:web-0: detached\n");
  EXPECT_EQ(err.str(), "");
}

TEST(Watch, EndsWithItsDaemon) {
  const Program program;
  v1::WatchEvent event;
  *event.mutable_attachment() = attached_sample();
  auto admin = std::make_unique<FakeAdmin>(program.socket(), FakeAdmin::Answers{.events = {event}});
  std::promise<void> told;
  Lines lines([&](int count) {
    if (count == 1) told.set_value();
  });
  std::ostream out(&lines);
  std::ostringstream err;
  std::jthread ending([&] {
    told.get_future().wait();
    admin.reset();
  });
  const auto code =
      run({"--endpoint", program.socket(), "attachment", "watch"}, {out, err, Progress::Silent, {}, [] { return kNow; }});
  EXPECT_NE(code, ExitCode::ItIsSo) << err.str();
}

TEST(Interrupts, TurnASignalIntoAStop) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const Interrupts interrupts;
    std::promise<void> stopped;
    const std::stop_callback callback(interrupts.token(), [&] { stopped.set_value(); });
    ::kill(::getpid(), signal);
    EXPECT_EQ(stopped.get_future().wait_for(std::chrono::seconds{10}), std::future_status::ready);
  }
}

TEST(Interrupts, LeaveASignalAloneThatWasToBeIgnored) {
  const auto before = std::signal(SIGINT, SIG_IGN);
  {
    const Interrupts interrupts;
    ::kill(::getpid(), SIGINT);
    EXPECT_FALSE(interrupts.token().stop_requested());
  }
  std::signal(SIGINT, before);
}

}  // namespace
}  // namespace blockplug::cli::testing
