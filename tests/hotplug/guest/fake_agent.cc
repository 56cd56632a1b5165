// SPDX-License-Identifier: Apache-2.0
#include "tests/hotplug/guest/fake_agent.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "attach-detach/check.h"

namespace blockplug::testing {
namespace {
using Json = nlohmann::json;
constexpr const char* kNoAnswer = "\n";

Json refusal(const char* error_class, const std::string& description) {
  return {{"error", {{"class", error_class}, {"desc", description}}}};
}

std::string base64(std::string_view bytes) {
  constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t bits = 0;
    for (std::size_t index = 0; index < 3; ++index)
      bits = bits << 8U | (at + index < bytes.size() ? static_cast<unsigned char>(bytes[at + index]) : 0U);
    for (std::size_t index = 0; index < 4; ++index)
      text += at + index > bytes.size() ? '=' : kDigits[bits >> (18 - 6 * index) & 63U];
  }
  return text;
}

std::string read_from(const std::string& file, std::size_t offset, std::size_t count) {
  std::ifstream stream(file, std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(offset));
  std::string bytes(count, '\0');
  stream.read(bytes.data(), static_cast<std::streamsize>(count));
  bytes.resize(static_cast<std::size_t>(stream.gcount()));
  return bytes;
}
}  // namespace

FakeAgent::FakeAgent(const std::string& socket) : path_(socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  CHECK(path_.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path_.c_str(), path_.size());
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  CHECK(::listen(listener_, 1) == 0);
  thread_ = std::thread([this] { run(); });
}

FakeAgent::~FakeAgent() {
  is_ended_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  if (const int fd = connection_; fd >= 0) ::shutdown(fd, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
  ::unlink(path_.c_str());
}

void FakeAgent::run() {
  while (!is_ended_) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    connection_ = fd;
    if (!is_ended_) serve(fd);
    connection_ = -1;
    ::close(fd);
  }
}

void FakeAgent::send(int fd, std::string_view text) {
  const std::size_t most = with([](const auto& guest) { return guest.sends_byte_by_byte; }) ? 1 : text.size();
  for (; !text.empty(); text.remove_prefix(std::min(most, text.size())))
    if (::send(fd, text.data(), std::min(most, text.size()), MSG_NOSIGNAL) < 0) return;
}

void FakeAgent::serve(int fd) {
  send(fd, with([](const auto& guest) { return guest.says_before; }));
  std::string received;
  std::array<char, 65536> buffer{};
  while (true) {
    const auto end = received.find('\n');
    if (end == std::string::npos) {
      const auto count = ::recv(fd, buffer.data(), buffer.size(), 0);
      if (count <= 0) return;
      received.append(buffer.data(), static_cast<std::size_t>(count));
      continue;
    }
    std::string line = received.substr(0, end);
    received.erase(0, end + 1);
    if (line.front() == '\xff')
      line.erase(0, 1), send(fd, R"({"error": {"class": "GenericError", "desc": "JSON parse error, stray '\uFFFD'"}})"
                                 "\n");
    const auto reply = reply_to(Json::parse(line));
    if (reply.empty()) return;
    if (reply != kNoAnswer) send(fd, reply);
  }
}

// Empty: close the connection.
std::string FakeAgent::reply_to(const Json& question) {
  const std::lock_guard lock(mutex_);
  if (guest_.is_silent) return kNoAnswer;
  if (guest_.answers_left == 0) return {};
  if (guest_.answers_left > 0) --guest_.answers_left;
  ++guest_.questions;
  ++answers_;
  const std::string command = question["execute"];
  return (command == "guest-sync-delimited" ? "\xff" : "") + answer(command, question["arguments"]).dump() + "\n";
}

Json FakeAgent::answer(const std::string& command, const Json& arguments) {
  if (command == "guest-sync-delimited") return {{"return", arguments["id"]}};
  if (guest_.is_frozen)
    return refusal("CommandNotFound", "Command " + command + " has been disabled: the agent is in frozen state");
  if (!guest_.refuses_with.empty()) return refusal("GenericError", guest_.refuses_with);
  if (guest_.blocked_commands.contains(command)) return refusal("CommandNotFound", "Command " + command + " has been disabled");
  if (command == "guest-exec") {
    std::vector<std::string> words{arguments["path"]};
    for (const auto& word : arguments["arg"]) words.push_back(word);
    return start(words);
  }
  if (command == "guest-exec-status") {
    auto& [looks, end] = programs_.at(arguments["pid"]);
    return looks-- > 0 ? Json{{"return", {{"exited", false}}}} : end;
  }
  if (command == "guest-file-open") return open(arguments["path"]);
  const int handle = arguments["handle"];
  if (command == "guest-file-close") return opened_.erase(handle), Json{{"return", Json::object()}};
  auto& file = opened_.at(handle);
  if (command == "guest-file-seek") {
    file.at = arguments["offset"];
    return {{"return", {{"position", file.at}, {"eof", false}}}};
  }
  CHECK(command == "guest-file-read");
  const std::size_t count = arguments["count"];
  const auto piece = !file.disk.empty()            ? read_from(file.disk, file.at, count)
                     : file.at < file.bytes.size() ? file.bytes.substr(file.at, count)
                                                   : "";
  file.at += piece.size();
  return {{"return", {{"count", piece.size()}, {"buf-b64", base64(piece)}, {"eof", piece.size() < count}}}};
}

Json FakeAgent::open(const std::string& path) {
  std::optional<std::string> bytes;
  if (path == "/proc/self/mountinfo") bytes = guest_.mountinfo();
  for (const auto& [name, disk] : guest_.disks) {
    const std::string directory = "/sys/block/" + name;
    if (path == "/dev/" + name) opened_[++next_] = {.bytes = {}, .disk = disk.file, .at = 0};
    if (path == "/dev/" + name) return {{"return", next_}};
    if (path == directory + "/dev") bytes = disk.number + "\n";
    if (path == directory + "/size") bytes = std::to_string(std::filesystem::file_size(disk.file) / 512) + "\n";
    if (path == directory + "/serial" && disk.sysfs.find("/target") == std::string::npos) bytes = disk.serial;
    if (path == directory + "/device/vpd_pg80") bytes = std::string("\0\x80\0\x06", 4) + disk.serial;
  }
  if (!bytes) return refusal("GenericError", "failed to open file '" + path + "' (mode: 'r'): No such file or directory");
  opened_[++next_] = {.bytes = std::move(*bytes), .disk = {}, .at = 0};
  return {{"return", next_}};
}

Json FakeAgent::start(const std::vector<std::string>& words) {
  if (words[0].starts_with('/') || guest_.missing_programs.contains(words[0]))
    return refusal("GenericError", "Guest agent command failed, error was 'Failed to execute child process “" + words[0] +
                                       "” (No such file or directory)'");
  std::string text, output;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  guest_.commands.push_back(text);
  const int status = guest_.perform(words, output);
  Json end{{"exited", true}, {"exitcode", status}};
  const bool is_error = status != 0 && words[0] != "stat";  // it tells what is there, also beside what is not
  if (!output.empty()) end[is_error ? "err-data" : "out-data"] = base64(output);
  programs_[++next_] = {guest_.looks_per_program, Json{{"return", end}}};
  return {{"return", {{"pid", next_}}}};
}

}  // namespace blockplug::testing
