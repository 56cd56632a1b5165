// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <future>
#include <string>

#include "hotplug/host/file_descriptor.h"
#include "tests/hotplug/vm/qmp/recorder.h"

namespace blockplug::qmp {
namespace {
using testing::FakeMonitor;
using testing::MonitorEnd;

std::string refusal_of(const std::string& path, Time deadline) {
  const auto client = Client::connect(path, {}, deadline);
  if (client.ok()) return "connected";
  EXPECT_EQ(client.error().effect, Effect::None);
  return std::string(to_text(client.error().code)) + " " + client.error().message;
}

TEST(QmpConnect, NegotiatesAndKnowsItsPeer) {
  std::promise<std::string> arguments;
  FakeMonitor monitor([&](MonitorEnd& end) {
    arguments.set_value(end.greet().arguments->dump());
    end.wait_until_gone();
  });
  Recorder recorder;
  const auto client = connected(monitor, recorder);
  EXPECT_EQ(arguments.get_future().get(), R"({"enable":["oob"]})");
  EXPECT_EQ(client->peer().pid, ::getpid());
  EXPECT_FALSE(client->is_closed());
  EXPECT_FALSE(client->is_stalled());
}

TEST(QmpConnect, AsksForNoCapabilityThatIsNotOffered) {
  std::promise<std::string> arguments;
  FakeMonitor monitor([&](MonitorEnd& end) {
    end.send("{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n");
    const auto command = end.receive();
    arguments.set_value(command.arguments->dump());
    end.answer(command);
    end.wait_until_gone();
  });
  Recorder recorder;
  const auto client = connected(monitor, recorder);
  EXPECT_EQ(arguments.get_future().get(), "{}");
}

TEST(QmpConnect, ReportsEventsThatCameWithTheNegotiation) {
  FakeMonitor monitor([](MonitorEnd& end) {
    end.send(testing::kGreeting);
    const auto command = end.receive();
    end.send("{\"event\": \"STOP\"}\r\n{\"return\": {}, \"id\": " + command.id_text + "}\r\n{\"event\": \"RESUME\"}\r\n");
    end.wait_until_gone();
  });
  Recorder recorder;
  const auto client = connected(monitor, recorder);
  EXPECT_EQ(recorder.await("event RESUME"), (std::vector<std::string>{"event STOP {}", "event RESUME {}"}));
}

TEST(QmpConnect, SaysThatAnotherClientHoldsTheMonitor) {
  FakeMonitor monitor([](MonitorEnd& end) {
    end.greet();
    end.serve([](const std::string&, const nlohmann::json&) { return nlohmann::json{{"return", "still here"}}; });
  });
  Recorder recorder;
  const auto first = connected(monitor, recorder);
  EXPECT_EQ(refusal_of(monitor.path(), brief()),
            "UNAVAILABLE monitor " + monitor.path() + ": no greeting: another client uses this monitor, or QEMU is stopped");
  EXPECT_EQ(described(first->execute("query-status", {}, ample(), "op")), "\"still here\"");
}

TEST(QmpConnect, SaysWhatIsWrongWithTheOtherEnd) {
  struct Row {
    const char* name;
    FakeMonitor::Script script;
    const char* error;
  };
  const std::vector<Row> rows{
      {"end of file", [](MonitorEnd&) {}, "the other end closed the connection"},
      {"words", [](MonitorEnd& end) { end.send("hello\n"), end.wait_until_gone(); }, "byte 0x68 where a message should begin"},
      {"a reply", [](MonitorEnd& end) { end.send("{\"return\":{}}"), end.wait_until_gone(); },
       "not QMP: the first message is not a greeting"},
      {"another protocol", [](MonitorEnd& end) { end.send("{\"jsonrpc\":1}"), end.wait_until_gone(); },
       "not QMP: neither greeting, reply nor event"},
      {"refused negotiation",
       [](MonitorEnd& end) {
         end.send(testing::kGreeting);
         end.refuse(end.receive(), "CommandNotFound", "no such thing");
         end.wait_until_gone();
       },
       "qmp_capabilities: no such thing"},
      {"two greetings",
       [](MonitorEnd& end) {
         end.send(testing::kGreeting), end.send(testing::kGreeting);
         end.wait_until_gone();
       },
       "not QMP: a second greeting"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    FakeMonitor monitor(row.script);
    EXPECT_EQ(refusal_of(monitor.path(), ample()), "UNAVAILABLE monitor " + monitor.path() + ": " + row.error);
  }
}

TEST(QmpConnect, SaysThatTheNegotiationWasNotAnswered) {
  FakeMonitor monitor([](MonitorEnd& end) {
    end.send(testing::kGreeting);
    end.wait_until_gone();
  });
  EXPECT_EQ(refusal_of(monitor.path(), brief()), "UNAVAILABLE monitor " + monitor.path() + ": qmp_capabilities: no reply");
}

TEST(QmpConnect, FindsNoSocketOrNobodyBehindIt) {
  EXPECT_EQ(refusal_of("/nonexistent/qmp.sock", ample()), "NOT_FOUND monitor /nonexistent/qmp.sock: no such socket");
  EXPECT_EQ(refusal_of("/dev/null/qmp.sock", ample()), "NOT_FOUND monitor /dev/null/qmp.sock: no such socket");

  const std::string path = ::testing::TempDir() + "abandoned-" + std::to_string(::getpid()) + ".sock";
  {
    const FileDescriptor bound(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size());
    ASSERT_EQ(::bind(bound.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  EXPECT_EQ(refusal_of(path, ample()), "UNAVAILABLE monitor " + path + ": nothing listens on this socket");
  std::filesystem::remove(path);
}

TEST(QmpConnect, RefusesAPathThatFitsNoSocketAddress) {
  const std::string fits = "/" + std::string(106, 'x');
  EXPECT_EQ(refusal_of(fits, ample()), "NOT_FOUND monitor " + fits + ": no such socket");
  for (const std::string& path : {fits + "x", std::string()})
    EXPECT_EQ(refusal_of(path, ample()), "INVALID_ARGUMENT monitor " + path +
                                             ": a socket's path has 1 to 107 bytes, this one has " + std::to_string(path.size()));
}

}  // namespace
}  // namespace blockplug::qmp
