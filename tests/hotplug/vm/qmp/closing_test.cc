// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>
#include <vector>

#include "tests/hotplug/vm/qmp/recorder.h"
#include "tests/support/process_census.h"

namespace blockplug::qmp {
namespace {
using nlohmann::json;
using testing::FakeMonitor;
using testing::MonitorEnd;
using testing::ProcessCensus;

TEST(QmpClosing, EndsForEverySortOfReason) {
  struct Row {
    const char* name;
    const char* bytes;  // sent instead of a reply, before closing
    const char* why;
  };
  const std::vector<Row> rows{
      {"end of file", "", "the other end closed the connection"},
      {"half a reply", "{\"return\": {", "in the middle of a message: the other end closed the connection"},
      {"words", "Segmentation fault", "byte 0x53 where a message should begin"},
      {"not QMP", "{\"answer\": 42}\r\n", "not QMP: neither greeting, reply nor event"},
      {"invalid UTF-8", "{\"return\": \"\xff\"}\r\n", "not JSON"},
      {"a second greeting", "{\"QMP\": {}}\r\n", "not QMP: a second greeting"},
      {"another's reply", "{\"return\": {}, \"id\": \"99/op\"}\r\n", "a reply to another command"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    FakeMonitor monitor([&](MonitorEnd& end) {
      end.greet();
      end.receive();
      end.send(row.bytes);
    });
    Recorder recorder;
    const auto client = connected(monitor, recorder);
    EXPECT_EQ(described(client->execute("object-add", {{"data", "c2VjcmV0"}}, ample(), "op")),
              std::string("UNAVAILABLE, unknown: object-add: unanswered: the monitor was closed: ") + row.why);
    EXPECT_TRUE(client->is_closed());
    EXPECT_FALSE(client->is_stalled());
    EXPECT_EQ(described(client->execute("query-status", {}, ample(), "op")),
              std::string("UNAVAILABLE, none: query-status: not sent: the monitor is closed: ") + row.why);
    EXPECT_EQ(recorder.await("closed"), std::vector<std::string>{std::string("closed: ") + row.why});
  }
}

TEST(QmpClosing, ClosesOnAReplyToNoCommand) {
  FakeMonitor monitor([](MonitorEnd& end) {
    end.greet();
    end.send("{\"return\": {}, \"id\": \"1/op\"}\r\n");
    end.wait_until_gone();
  });
  Recorder recorder;
  const auto client = connected(monitor, recorder);
  EXPECT_EQ(recorder.await("closed"), std::vector<std::string>{"closed: a reply to no command"});
}

TEST(QmpClosing, ReportsWhatCameBeforeTheEndFirst) {
  FakeMonitor monitor([](MonitorEnd& end) {
    end.greet();
    const auto command = end.receive();
    end.answer(command, "7");
    end.send("{\"event\": \"SHUTDOWN\"}\r\n");
  });
  Recorder recorder;
  const auto client = connected(monitor, recorder);
  EXPECT_EQ(described(client->execute("quit", {}, ample(), "op")), "7");
  EXPECT_EQ(recorder.await("closed"),
            (std::vector<std::string>{"event SHUTDOWN {}", "closed: the other end closed the connection"}));
}

TEST(QmpClosing, TellsTheCallersThatWaitInLineThatNothingWasSent) {
  std::promise<void> received;
  std::promise<void> may_end;
  FakeMonitor monitor([&](MonitorEnd& end) {
    end.greet();
    end.receive();
    received.set_value();
    may_end.get_future().wait();
  });
  Recorder recorder;
  const auto client = connected(monitor, recorder);
  const auto call = [&] { return described(client->execute("query-block", {}, ample(), "op")); };
  auto first = std::async(std::launch::async, call);
  received.get_future().wait();
  std::vector<std::future<std::string>> others;
  for (int other = 0; other < 4; ++other) others.push_back(std::async(std::launch::async, call));
  may_end.set_value();
  EXPECT_EQ(first.get(),
            "UNAVAILABLE, unknown: query-block: unanswered: the monitor was closed: the other end closed the connection");
  for (auto& other : others)
    EXPECT_EQ(other.get(), "UNAVAILABLE, none: query-block: not sent: the monitor is closed: the other end closed the connection");
}

TEST(QmpClosing, DestructionReleasesTheCallerThatIsUnanswered) {
  std::promise<void> received;
  FakeMonitor monitor([&](MonitorEnd& end) {
    end.greet();
    end.receive();
    received.set_value();
    end.wait_until_gone();
  });
  Recorder recorder;
  auto client = connected(monitor, recorder);
  auto call = std::async(std::launch::async, [held = client.get()] { return described(held->execute("cont", {}, ample(), "op")); });
  received.get_future().wait();
  client.reset();
  EXPECT_EQ(call.get(), "UNAVAILABLE, unknown: cont: unanswered: the monitor was closed: closed by us");
  EXPECT_EQ(recorder.await("closed"), std::vector<std::string>{"closed: closed by us"});
}

TEST(QmpClosing, DestructionWaitsForNoLateReply) {
  FakeMonitor monitor([](MonitorEnd& end) {
    end.greet();
    end.wait_until_gone();
  });
  Recorder recorder;
  auto client = connected(monitor, recorder);
  EXPECT_FALSE(client->execute("blockdev-add", {}, brief(), "op").ok());
  client.reset();
  EXPECT_EQ(recorder.await("closed"), std::vector<std::string>{"closed: closed by us"});
}

TEST(QmpClosing, DestructionIsSafeWhileMessagesPourIn) {
  FakeMonitor monitor([](MonitorEnd& end) {
    end.greet();
    std::string events;
    for (int event = 0; event < 2000; ++event) events += "{\"event\": \"TICK\"}\r\n";
    end.send(events);
    end.wait_until_gone();
  });
  for (int round = 0; round < 10; ++round) {
    Recorder recorder;
    auto client = connected(monitor, recorder);
    client.reset();
    EXPECT_EQ(recorder.await("closed").back(), "closed: closed by us");
  }
}

TEST(QmpClosing, LetsTheNextClientIn) {
  FakeMonitor monitor([](MonitorEnd& end) {
    end.greet();
    end.serve([](const std::string& name, const json&) { return json{{"return", name}}; });
  });
  for (int round = 0; round < 3; ++round) {
    Recorder recorder;
    EXPECT_EQ(described(connected(monitor, recorder)->execute("query-status", {}, ample(), "op")), "\"query-status\"");
  }
}

TEST(QmpClosing, LeavesNoThreadAndNoFileDescriptorBehind) {
  const auto live_and_die = [] {
    FakeMonitor monitor([](MonitorEnd& end) {
      end.greet();
      end.answer(end.receive());
      end.receive();  // and closes in the middle of the second command
    });
    FakeMonitor babbler([](MonitorEnd& end) { end.send("?"); });
    Recorder recorder;
    const auto client = connected(monitor, recorder);
    EXPECT_TRUE(client->execute("cont", {}, ample(), "op").ok());
    EXPECT_FALSE(client->execute("stop", {}, ample(), "op").ok());
    EXPECT_FALSE(Client::connect(babbler.path(), {}, ample()).ok());
    EXPECT_FALSE(Client::connect("/nonexistent", {}, ample()).ok());
  };
  live_and_die();  // creates what is created only once
  const auto before = ProcessCensus::now();
  for (int round = 0; round < 20; ++round) live_and_die();
  // The kernel may list a thread for a moment after join() has returned.
  for (const Time limit = ample(); ProcessCensus::now() != before && Clock::now() < limit;) std::this_thread::yield();
  EXPECT_EQ(ProcessCensus::now().fds, before.fds);
  EXPECT_EQ(ProcessCensus::now().threads, before.threads);
}

}  // namespace
}  // namespace blockplug::qmp
