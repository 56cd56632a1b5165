// SPDX-License-Identifier: Apache-2.0
// Any bytes as the answers of a guest's agent, which whoever is root in the guest can replace: no crash or hang, and what comes
// back is within the bounds that Agent promises. The first byte says which question is asked; each line is an answer, then there
// are no more.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>

#include "attach-detach/check.h"
#include "hotplug/guest/agent.h"
#include "hotplug/host/file_descriptor.h"

namespace blockplug {
namespace {

// Serves one client after the other, for as long as the program runs.
class ForgedAgent {
 public:
  ForgedAgent() {
    const char* place = std::getenv("TMPDIR");
    std::string directory = std::string(place != nullptr ? place : "/tmp") + "/agent-fuzz.XXXXXX";
    CHECK(::mkdtemp(directory.data()) != nullptr);
    path_ = directory + "/qga.sock";
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    CHECK(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    CHECK(::listen(listener_.get(), 4) == 0);
    thread_ = std::thread([this] {
      while (is_serving()) {
      }
    });
  }
  ~ForgedAgent() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
    ::unlink(path_.c_str());
    ::rmdir(path_.substr(0, path_.rfind('/')).c_str());
  }
  ForgedAgent(const ForgedAgent&) = delete;
  ForgedAgent& operator=(const ForgedAgent&) = delete;

  const std::string& path() const { return path_; }
  void will_answer(std::string_view answers) {
    const std::lock_guard lock(mutex_);
    answers_ = answers;
  }

 private:
  bool is_serving() {
    const FileDescriptor client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (client.get() < 0) return false;
    std::string answers, question;
    {
      const std::lock_guard lock(mutex_);
      answers = answers_;
    }
    if (!next_line(client.get(), question)) return true;
    // The first question is guest-sync-delimited, which nobody gets past with a wrong answer: a right one.
    const auto sync = nlohmann::json::parse(question.substr(question.find('{')));
    say(client.get(), "\xff{\"return\": " + sync.at("arguments").at("id").dump() + "}\n");
    say(client.get(), answers);  // an answer does not name its question, so all of them may come at once
    ::shutdown(client.get(), SHUT_WR);
    while (next_line(client.get(), question)) {
    }
    return true;
  }
  static void say(int client, std::string_view text) { static_cast<void>(::send(client, text.data(), text.size(), MSG_NOSIGNAL)); }
  static bool next_line(int client, std::string& line) {
    line.clear();
    std::array<char, 4096> buffer{};
    while (!line.ends_with('\n')) {
      const auto count = ::recv(client, buffer.data(), buffer.size(), 0);
      if (count <= 0) return false;
      line.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return true;
  }

  const FileDescriptor listener_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::string path_;
  std::mutex mutex_;
  std::string answers_;
  std::thread thread_;
};

void use(const std::string& path, bool reads) {
  // Time enough on a busy machine; an agent that says "still running" for ever gets no more than this.
  auto agent = Agent::connect({"web-0", path}, Clock::now() + std::chrono::milliseconds(500), {});
  CHECK(agent.ok() || !agent.error().message.empty());
  if (!agent.ok()) return;
  if (reads) {
    constexpr std::size_t kMostBytes = 100;
    const auto bytes = agent->read_file("/proc/self/mountinfo", 0, kMostBytes);
    CHECK(bytes.ok() ? bytes->size() <= kMostBytes : !bytes.error().message.empty());
    return;
  }
  const auto ran = agent->change({"mkfs.ext4", "/dev/sda"});
  CHECK(ran.ok() || !ran.error().message.empty());
  if (ran.ok()) CHECK(ran->message.size() <= 2000 && std::ranges::none_of(ran->message, [](char c) { return c < ' ' || c > '~'; }));
}

}  // namespace
}  // namespace blockplug

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static blockplug::ForgedAgent agent;
  if (size == 0) return 0;
  agent.will_answer({reinterpret_cast<const char*>(data + 1), size - 1});
  blockplug::use(agent.path(), data[0] % 2 == 1);
  return 0;
}
