// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

#include "tests/hotplug/vm/qmp/recorder.h"

namespace blockplug::qmp {
namespace {
using nlohmann::json;
using testing::FakeMonitor;
using testing::MonitorEnd;

const json kSecret{{"data", "c2VjcmV0"}};

json name_of_command(const std::string& name, const json&) { return {{"return", name}}; }

TEST(QmpDeadline, StallsUntilTheLateReplyComes) {
  std::promise<void> may_answer;
  FakeMonitor monitor([&](MonitorEnd& end) {
    end.greet();
    const auto command = end.receive();
    may_answer.get_future().wait();
    end.answer(command);
    end.serve(name_of_command);
  });
  Recorder recorder;
  const auto client = connected(monitor, recorder);
  EXPECT_EQ(described(client->execute("object-add", kSecret, brief(), "op")),
            "DEADLINE_EXCEEDED, unknown: object-add: no reply in time");
  EXPECT_TRUE(client->is_stalled());
  EXPECT_EQ(described(client->execute("device_add", kSecret, brief(), "op")),
            "UNAVAILABLE, none: device_add: not sent: object-add is unanswered");

  may_answer.set_value();
  EXPECT_EQ(recorder.await("late reply"), std::vector<std::string>{"late reply"});
  EXPECT_FALSE(client->is_stalled());
  EXPECT_EQ(described(client->execute("query-status", {}, ample(), "op")), "\"query-status\"") << "device_add was never sent";
}

TEST(QmpDeadline, TakesALateErrorWithoutIdForTheUnansweredCommand) {
  std::promise<void> may_answer;
  FakeMonitor monitor([&](MonitorEnd& end) {
    end.greet();
    end.receive();
    may_answer.get_future().wait();
    end.send("{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error\"}}\r\n");
    end.serve(name_of_command);
  });
  Recorder recorder;
  const auto client = connected(monitor, recorder);
  EXPECT_FALSE(client->execute("query-block", {}, brief(), "op").ok());
  may_answer.set_value();
  recorder.await("late reply");
  EXPECT_EQ(described(client->execute("query-status", {}, ample(), "op")), "\"query-status\"");
}

TEST(QmpDeadline, ServesAWaitingCallerOnceTheLateReplyCame) {
  std::promise<void> may_answer;
  FakeMonitor monitor([&](MonitorEnd& end) {
    end.greet();
    const auto command = end.receive();
    may_answer.get_future().wait();
    end.answer(command);
    end.serve(name_of_command);
  });
  Recorder recorder;
  const auto client = connected(monitor, recorder);
  EXPECT_FALSE(client->execute("blockdev-add", {}, brief(), "op").ok());
  auto waiting = std::async(std::launch::async, [&] { return described(client->execute("query-block", {}, ample(), "op")); });
  may_answer.set_value();
  EXPECT_EQ(waiting.get(), "\"query-block\"");
}

TEST(QmpDeadline, ReportsEventsWhileItIsStalled) {
  std::promise<void> may_go_on;
  FakeMonitor monitor([&](MonitorEnd& end) {
    end.greet();
    end.receive();
    may_go_on.get_future().wait();
    end.send("{\"event\": \"BLOCK_IO_ERROR\"}\r\n");
    end.wait_until_gone();
  });
  Recorder recorder;
  const auto client = connected(monitor, recorder);
  EXPECT_FALSE(client->execute("blockdev-add", {}, brief(), "op").ok());
  may_go_on.set_value();
  recorder.await("event BLOCK_IO_ERROR");
  EXPECT_TRUE(client->is_stalled());
}

TEST(QmpDeadline, SendsNothingAfterTheDeadline) {
  FakeMonitor monitor([](MonitorEnd& end) {
    end.greet();
    end.serve(name_of_command);
  });
  Recorder recorder;
  const auto client = connected(monitor, recorder);
  EXPECT_EQ(described(client->execute("device_del", {}, Clock::now(), "op")),
            "UNAVAILABLE, none: device_del: not sent: the deadline has passed");
  EXPECT_FALSE(client->is_stalled());
  EXPECT_EQ(described(client->execute("query-status", {}, ample(), "op")), "\"query-status\"");
}

TEST(QmpDeadline, TakesBackACommandOfWhichNothingWasSent) {
  FakeMonitor monitor([](MonitorEnd& end) {
    end.greet();
    end.stop_draining();
    end.serve(name_of_command);
  });
  Recorder recorder;
  const auto client = connected(monitor, recorder);
  // The kernel takes each as one packet, completely or not at all.
  const json arguments{{"data", std::string(8000, 's')}};
  std::string outcome = "\"fill\"";
  for (int call = 0; call < 1000 && outcome == "\"fill\""; ++call)
    outcome = described(client->execute("fill", arguments, brief(), "op"));
  EXPECT_EQ(outcome, "UNAVAILABLE, none: fill: not sent: the monitor does not read");
  EXPECT_FALSE(client->is_stalled());
  EXPECT_FALSE(client->is_closed());
}

TEST(QmpDeadline, FinishesInTheBackgroundWhatWasPartlySent) {
  std::promise<void> may_read;
  std::promise<std::size_t> size_bytes;
  FakeMonitor monitor([&](MonitorEnd& end) {
    end.greet();
    may_read.get_future().wait();
    const auto command = end.receive();
    size_bytes.set_value((*command.arguments).at("data").get_ref<const std::string&>().size());
    end.answer(command);
    end.serve(name_of_command);
  });
  Recorder recorder;
  const auto client = connected(monitor, recorder);
  // More than a socket buffers; the deadline leaves time to encode it under a sanitizer.
  const json arguments{{"data", std::string(600'000, 's')}};
  EXPECT_EQ(described(client->execute("object-add", arguments, Clock::now() + std::chrono::seconds(4), "op")),
            "DEADLINE_EXCEEDED, unknown: object-add: no reply in time");
  EXPECT_TRUE(client->is_stalled());
  may_read.set_value();
  EXPECT_EQ(size_bytes.get_future().get(), 600'000U);
  recorder.await("late reply");
  EXPECT_EQ(described(client->execute("query-status", {}, ample(), "op")), "\"query-status\"");
}

}  // namespace
}  // namespace blockplug::qmp
