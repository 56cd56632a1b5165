// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>
#include <vector>

#include "tests/hotplug/vm/qmp/recorder.h"

namespace blockplug::qmp {
namespace {
using nlohmann::json;
using testing::FakeMonitor;
using testing::MonitorEnd;

TEST(QmpExecute, SendsOneLineAndReturnsTheValue) {
  std::promise<std::string> line;
  FakeMonitor monitor([&](MonitorEnd& end) {
    end.greet();
    const auto command = end.receive();
    line.set_value(command.line);
    end.answer(command, R"({"status": "running"})");
    end.wait_until_gone();
  });
  Recorder recorder;
  const auto client = connected(monitor, recorder);
  EXPECT_EQ(described(client->execute("query-status", json::object(), ample(), "op 7\xff")), R"({"status":"running"})");
  EXPECT_EQ(line.get_future().get(), R"({"execute":"query-status","arguments":{},"id":"1/op7"})");
}

TEST(QmpExecute, PassesOnWhatQemuRefuses) {
  struct Row {
    const char* name;
    const char* error_class;
    const char* outcome;
  };
  const std::vector<Row> rows{
      {"gone", "DeviceNotFound", "NOT_FOUND, none: Device 'x' not found"},
      {"anything", "GenericError", "FAILED_PRECONDITION, none: Device 'x' not found"},
      {"no such command", "CommandNotFound", "FAILED_PRECONDITION, none: Device 'x' not found"},
      {"a class of the future", "Tired", "FAILED_PRECONDITION, none: Device 'x' not found"},
  };
  FakeMonitor monitor([](MonitorEnd& end) {
    end.greet();
    end.serve([](const std::string&, const json& arguments) {
      return json{{"error", {{"class", arguments["class"]}, {"desc", "Device 'x' not found"}}}};
    });
  });
  Recorder recorder;
  const auto client = connected(monitor, recorder);
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(described(client->execute("device_del", {{"class", row.error_class}}, ample(), "op")), row.outcome);
  }
  EXPECT_FALSE(client->is_closed());
}

TEST(QmpExecute, ReportsEventsBeforeBetweenAndAfterReplies) {
  FakeMonitor monitor([](MonitorEnd& end) {
    end.greet();
    const auto command = end.receive();
    end.send("{\"event\": \"A\"}\r\n{\"timestamp\": {}, \"event\": \"B\", \"data\": {\"device\": \"d\"}}\r\n");
    end.answer(command);
    end.send("{\"event\": \"C\"}\r\n");
    end.wait_until_gone();
  });
  Recorder recorder;
  const auto client = connected(monitor, recorder);
  EXPECT_EQ(described(client->execute("device_del", {}, ample(), "op")), "{}");
  EXPECT_EQ(recorder.await("event C"), (std::vector<std::string>{"event A {}", "event B {\"device\":\"d\"}", "event C {}"}));
}

TEST(QmpExecute, UnderstandsAReplyThatComesByteByByte) {
  FakeMonitor monitor([](MonitorEnd& end) {
    end.greet();
    const auto command = end.receive();
    end.send_byte_by_byte("{\"event\": \"A\"}\r\n{\"id\": " + command.id_text + ", \"return\": {\"a\": \"\\\"}\"}}\r\n");
    end.wait_until_gone();
  });
  Recorder recorder;
  const auto client = connected(monitor, recorder);
  EXPECT_EQ(described(client->execute("query-block", {}, ample(), "op")), R"({"a":"\"}"})");
}

TEST(QmpExecute, TakesAnErrorWithoutIdForTheOneCommandUnderWay) {
  FakeMonitor monitor([](MonitorEnd& end) {
    end.greet();
    end.receive();
    end.send("{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error\"}}\r\n");
    end.wait_until_gone();
  });
  Recorder recorder;
  const auto client = connected(monitor, recorder);
  EXPECT_EQ(described(client->execute("query-block", {}, ample(), "op")), "FAILED_PRECONDITION, none: JSON parse error");
}

TEST(QmpExecute, SendsAndReceivesMegabytes) {
  FakeMonitor monitor([](MonitorEnd& end) {
    end.greet();
    end.serve([](const std::string&, const json& arguments) { return json{{"return", arguments}}; });
  });
  Recorder recorder;
  const auto client = connected(monitor, recorder);
  const json arguments{{"data", std::string(3'000'000, '}')}};
  const auto value = client->execute("echo", arguments, ample(), "op");
  ASSERT_TRUE(value.ok()) << value.error().message;
  EXPECT_TRUE(*value == arguments);
}

TEST(QmpExecute, LetsSeveralThreadsTakeTurns) {
  FakeMonitor monitor([](MonitorEnd& end) {
    end.greet();
    end.serve([&](const std::string&, const json& arguments) {
      end.send("{\"event\": \"TICK\"}\r\n");
      return json{{"return", arguments}};
    });
  });
  Recorder recorder;
  const auto client = connected(monitor, recorder);
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 8; ++thread)
    threads.emplace_back([&client, thread] {
      for (int call = 0; call < 25; ++call) {
        const json arguments{{"thread", thread}, {"call", call}};
        EXPECT_EQ(described(client->execute("echo", arguments, ample(), "op")), arguments.dump());
      }
    });
  threads.clear();
  EXPECT_EQ(recorder.await("event TICK").size(), 200U);
}

TEST(QmpExecute, RefusesArgumentsThatCannotBeSentAndGoesOn) {
  FakeMonitor monitor([](MonitorEnd& end) {
    end.greet();
    end.serve([](const std::string&, const json&) { return json{{"return", 1}}; });
  });
  Recorder recorder;
  const auto client = connected(monitor, recorder);
  EXPECT_EQ(described(client->execute("object-add", {{"data", "\xff"}}, ample(), "op")),
            "INVALID_ARGUMENT, none: a command or its arguments are not UTF-8");
  EXPECT_EQ(described(client->execute("query-status", {}, ample(), "op")), "1");
}

}  // namespace
}  // namespace blockplug::qmp
