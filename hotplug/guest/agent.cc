// SPDX-License-Identifier: Apache-2.0
#include "hotplug/guest/agent.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hotplug/base64.h"

namespace blockplug {
namespace {
using Json = nlohmann::json;
using std::chrono::milliseconds;
constexpr milliseconds kFirstLook{2}, kLastLook{50};
constexpr std::size_t kPieceBytes = 128U << 10U;
constexpr std::size_t kMessageBytes = 2000;

Error invalid_answer(const std::string& what) {
  return maybe_effect(Code::Internal, "the guest agent sent an invalid answer to " + what);
}

std::int64_t number(const Json& object, const char* name, std::int64_t otherwise) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : otherwise;
}

std::string bytes(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  if (found == object.end() || !found->is_string()) return {};
  return from_base64(found->get_ref<const std::string&>()).value_or(std::string{});
}

bool is_true(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

std::string in_one_line(std::string text) {
  if (text.size() > kMessageBytes) text.erase(0, text.size() - kMessageBytes);
  std::ranges::replace_if(
      text, [](unsigned char letter) { return letter < 0x20 || letter >= 0x7f; }, ' ');
  const auto first = text.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

bool is_missing(const Error& error) {
  return error.code == Code::FailedPrecondition && error.message.find("No such file or directory") != std::string::npos;
}
}  // namespace

Result<Agent> Agent::connect(AgentSocket::Peer peer, Time deadline, std::stop_token stop) {
  return Agent(TRY(AgentSocket::connect(std::move(peer), deadline, std::move(stop))));
}

Error Agent::as_of_now(Error error) const {
  const bool gave_up = error.code == Code::Cancelled || error.code == Code::DeadlineExceeded;
  if (gave_up && may_have_changed_) error.effect = Effect::Unknown;
  return error;
}

Result<Json> Agent::ask(std::string_view command, const Json& arguments) {
  auto answer = socket_.ask(command, arguments);
  if (!answer) return as_of_now(std::move(answer).error());
  return answer;
}

Result<Agent::Ran> Agent::look(const std::vector<std::string>& command) { return run(command); }

Result<Agent::Ran> Agent::change(const std::vector<std::string>& command) {
  auto ran = run(command);
  may_have_changed_ |= ran.ok() || ran.error().effect == Effect::Unknown;
  return ran;
}

// The agent's PATH may be empty, or lack the system's programs.
Result<Agent::Ran> Agent::run(const std::vector<std::string>& command) {
  const std::string& name = command.front();
  for (const auto& program : {name, "/usr/sbin/" + name, "/sbin/" + name}) {
    const auto pid = start(program, command);
    if (pid) return await(*pid, name);
    if (!is_missing(pid.error())) return pid.error();
  }
  return no_effect(Code::NotFound, "the guest has no " + name);
}

Result<std::int64_t> Agent::start(const std::string& program, const std::vector<std::string>& command) {
  const Json answer =
      TRY(ask("guest-exec", {{"path", program},
                             {"arg", std::vector<std::string>(command.begin() + 1, command.end())},
                             {"env", {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}},
                             {"capture-output", true}}));
  const auto pid = number(answer, "pid", 0);
  if (pid <= 0) return invalid_answer("guest-exec");
  return pid;
}

Result<Agent::Ran> Agent::await(std::int64_t pid, const std::string& program) {
  const auto still_runs = [&](Error error) {
    error.effect = Effect::Unknown;
    return within(program + " is still running in the guest", std::move(error));
  };
  for (auto look = kFirstLook;; look = std::min(look * 2, kLastLook)) {
    const auto status = socket_.ask("guest-exec-status", {{"pid", pid}});
    if (!status) return still_runs(status.error());
    if (!status->is_object()) return invalid_answer("guest-exec-status");
    if (is_true(*status, "exited")) {
      const auto signal = number(*status, "signal", 0);
      Ran ran{.exit_status = static_cast<int>(signal > 0 ? 128 + signal : number(*status, "exitcode", 255)),
              .output = bytes(*status, "out-data"),
              .message = {}};
      ran.message = in_one_line(ran.output + "\n" + bytes(*status, "err-data"));
      if (ran.message.empty() && !ran.is_ok()) ran.message = "it exited with status " + std::to_string(ran.exit_status);
      return ran;
    }
    if (const auto paused = socket_.pause(look); !paused) return still_runs(paused.error());
  }
}

Result<std::string> Agent::read_file(const std::string& path, std::int64_t offset, std::size_t most_bytes) {
  const auto handle = ask("guest-file-open", {{"path", path}, {"mode", "r"}});
  if (!handle) return is_missing(handle.error()) ? no_effect(Code::NotFound, "the guest has no " + path) : handle.error();
  if (!handle->is_number_integer()) return invalid_answer("guest-file-open");
  auto read = read_opened(handle->get<std::int64_t>(), offset, most_bytes);
  // Also after a failure: otherwise the agent keeps the file open. A failed close is ignored.
  if (read || read.error().effect == Effect::None) static_cast<void>(ask("guest-file-close", {{"handle", *handle}}));
  if (!read) return within(path + " in the guest", std::move(read).error());
  return read;
}

Result<std::string> Agent::read_opened(std::int64_t handle, std::int64_t offset, std::size_t most_bytes) {
  if (offset > 0) TRY(ask("guest-file-seek", {{"handle", handle}, {"offset", offset}, {"whence", "set"}}));
  std::string read;
  while (read.size() < most_bytes) {
    const auto wanted = std::min(kPieceBytes, most_bytes - read.size());
    auto asked = ask("guest-file-read", {{"handle", handle}, {"count", wanted}});
    if (!asked && asked.error().code == Code::FailedPrecondition)
      asked.error().code = Code::Unavailable;  // EIO, or the disk is gone
    const Json answer = TRY(std::move(asked));
    const std::string piece = bytes(answer, "buf-b64");
    if (piece.size() != static_cast<std::size_t>(number(answer, "count", -1)) || piece.size() > wanted)
      return invalid_answer("guest-file-read");
    read += piece;
    if (piece.empty() || is_true(answer, "eof")) break;
  }
  return read;
}

}  // namespace blockplug
