// SPDX-License-Identifier: Apache-2.0
#include "hotplug/guest/agent_socket.h"

#include <poll.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "attach-detach/json_depth.h"
#include "hotplug/foreign_text.h"

namespace blockplug {
namespace {
using Json = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr seconds kGreetingLimit{3};
constexpr seconds kAnswerLimit{10};                 // programs run in the background, so no command takes long
constexpr std::size_t kLineLimitBytes = 1U << 20U;  // the largest answer used is a piece of a file: 128 KiB, in base64
constexpr char kSentinel = '\xff';                  // never part of UTF-8

std::uint32_t random_number() {
  std::uint32_t number = 0;
  CHECK(::getrandom(&number, sizeof number, 0) == sizeof number);
  return number >> 1U;
}

Error no_agent(const AgentSocket::Peer& peer) {
  if (peer.path.empty())
    return no_effect(Code::FailedPrecondition,
                     "VM " + peer.vm +
                         " cannot have a guest agent socket: it is expected beside the monitor's socket, in a "
                         "directory per VM. Set vms.sockets to a path such as "
                         "/run/vms/{vm}/qmp.sock");
  return no_effect(Code::FailedPrecondition, "VM " + peer.vm + " has no guest agent socket at " + peer.path +
                                                 ": start QEMU with a virtserialport org.qemu.guest_agent.0 and its chardev there");
}

std::string does_not_answer(const std::string& vm) {
  return "the guest agent of VM " + vm + " does not answer: check that qemu-guest-agent is running in the guest";
}

std::string word(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}
}  // namespace

Result<AgentSocket> AgentSocket::connect(Peer peer, Time deadline, std::stop_token stop) {
  if (peer.path.empty()) return no_agent(peer);
  const auto until = std::min(deadline, Clock::now() + kGreetingLimit);
  auto socket = qmp::MonitorSocket::connect(peer.path, until);
  if (!socket) {
    if (socket.error().code == Code::NotFound) return no_agent(peer);
    if (socket.error().code == Code::InvalidArgument) return within(peer.path, std::move(socket).error());
    return no_effect(Code::Unavailable, "the guest agent's socket of VM " + peer.vm + " cannot be used (" + socket.error().message +
                                            "): check that QEMU is running and that no other client is connected");
  }
  AgentSocket agent(std::move(peer), std::move(*socket), deadline, std::move(stop));
  TRY(agent.may_go_on());
  if (!agent.synchronise(until)) return no_effect(Code::Unavailable, does_not_answer(agent.peer_.vm));
  return agent;
}

// The sentinel ends an incomplete message of an earlier client, and marks the beginning of the answer to this client.
Status AgentSocket::synchronise(Time until) {
  const auto id = random_number();
  const Json question{{"execute", "guest-sync-delimited"}, {"arguments", {{"id", id}}}};
  TRY(send(kSentinel + question.dump() + "\n", until));
  while (true) {
    const std::string line = TRY(receive_line(until, TooLong::PassedOver));  // another client may have asked for more
    const auto sentinel = line.rfind(kSentinel);
    if (sentinel == std::string::npos) continue;
    const auto answer = line.substr(sentinel + 1);
    if (is_too_deep(answer)) continue;
    const Json reply = Json::parse(answer, nullptr, false);
    if (reply.is_object() && reply.contains("return") && reply["return"] == id) return Ok{};
  }
}

Status AgentSocket::may_go_on() const {
  if (stop_.stop_requested()) return no_effect(Code::Cancelled, "cancelled by a newer request, or because the daemon is stopping");
  if (Clock::now() >= deadline_)
    return no_effect(Code::DeadlineExceeded, "the guest of VM " + peer_.vm + " is too slow: the deadline has passed");
  return Ok{};
}

Result<Json> AgentSocket::ask(std::string_view command, const Json& arguments) {
  TRY(may_go_on());
  const auto lost = [&](const Error& error) {
    const auto code = error.code == Code::FailedPrecondition ? error.code
                      : Clock::now() >= deadline_            ? Code::DeadlineExceeded
                                                             : Code::Unavailable;
    return maybe_effect(
        code, "the guest agent of VM " + peer_.vm + " did not answer " + std::string(command) + " (" + error.message + ")");
  };
  const auto until = std::min(deadline_, Clock::now() + kAnswerLimit);
  const Json question{{"execute", command}, {"arguments", arguments}};
  // JSON needs UTF-8; the rung has checked that.
  if (auto sent = send(question.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n", until); !sent)
    return lost(sent.error());
  while (true) {
    const auto line = receive_line(until);
    if (!line) return lost(line.error());
    if (is_too_deep(*line))
      return maybe_effect(Code::FailedPrecondition, "the guest agent of VM " + peer_.vm + " answered " + std::string(command) +
                                                        " with JSON that is nested too deeply: it is not a qemu-ga");
    Json reply = Json::parse(*line, nullptr, false);
    if (!reply.is_object()) continue;
    if (const auto value = reply.find("return"); value != reply.end()) return std::move(*value);
    if (const auto error = reply.find("error"); error != reply.end()) return refusal(command, *error);
  }
}

Error AgentSocket::refusal(std::string_view command, const Json& error) const {
  const std::string description = in_a_message(word(error, "desc"));
  const std::string agent = "the guest agent of VM " + peer_.vm;
  if (description.find("frozen") != std::string::npos)
    return no_effect(Code::Unavailable, agent +
                                            " has frozen the guest's file systems (a backup does that); Blockplug continues when "
                                            "they are thawed. If that has ended, run guest-fsfreeze-thaw");
  if (word(error, "class") == "CommandNotFound" || description.find("disabled") != std::string::npos)
    return no_effect(
        Code::FailedPrecondition,
        agent + " does not allow " + std::string(command) +
            ": in the guest, remove it from the agent's block list (--blacklist or block-rpcs), or add it to its allow list "
            "(allow-rpcs)");
  return no_effect(Code::FailedPrecondition, agent + " refused " + std::string(command) + ": " + description);
}

Status AgentSocket::pause(milliseconds time) const {
  TRY(may_go_on());
  pollfd polled{.fd = socket_.fd(), .events = 0, .revents = 0};  // a closed connection is always reported
  const auto left = std::chrono::ceil<milliseconds>(deadline_ - Clock::now());
  const auto wait = std::max(std::min(time, left), milliseconds(0));
  const timespec limit{.tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(wait).count() % 1'000'000'000};
  if (::ppoll(&polled, 1, &limit, nullptr) > 0)
    return maybe_effect(Code::Unavailable, "the connection to the guest agent of VM " + peer_.vm + " was lost");
  return may_go_on();
}

Status AgentSocket::send(std::string_view bytes, Time until) {
  while (!bytes.empty()) {
    const auto sent = TRY(socket_.send_some(bytes));
    bytes.remove_prefix(sent);
    if (sent == 0) TRY(socket_.wait_for(POLLOUT, until));
  }
  return Ok{};
}

Result<std::string> AgentSocket::receive_line(Time until, TooLong too_long) {
  std::array<char, 65536> buffer{};
  while (true) {
    const auto end = received_.find('\n', looked_at_);
    if (end != std::string::npos) {
      std::string line = received_.substr(0, end);
      received_.erase(0, end + 1);
      looked_at_ = 0;
      return line;
    }
    if (received_.size() > kLineLimitBytes && too_long == TooLong::Refused)
      return maybe_effect(Code::FailedPrecondition, "its answer is longer than 1 MiB");
    if (received_.size() > kLineLimitBytes) received_.clear();
    looked_at_ = received_.size();
    TRY(socket_.wait_for(POLLIN, until));
    const auto count = TRY(socket_.receive_some(buffer));
    received_.append(buffer.data(), count);
  }
}

}  // namespace blockplug
