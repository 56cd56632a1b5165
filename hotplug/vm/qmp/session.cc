// SPDX-License-Identifier: Apache-2.0
// The callers' side of a session.
#include "hotplug/vm/qmp/session.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "hotplug/foreign_text.h"

namespace blockplug::qmp {
namespace {
// "7/plug-42": unique on this connection, and shows the operation in QEMU's trace.
std::string command_id(std::uint64_t number, std::string_view operation) {
  std::string id = std::to_string(number) + "/";
  std::ranges::copy_if(operation, std::back_inserter(id), [](unsigned char c) { return std::isgraph(c) != 0; });
  return id;
}

Result<nlohmann::json> value_of(Reply reply) {
  if (auto* value = std::get_if<std::shared_ptr<nlohmann::json>>(&reply.outcome)) return std::move(**value);
  auto& refusal = std::get<Refusal>(reply.outcome);
  return no_effect(refusal.error_class == "DeviceNotFound" ? Code::NotFound : Code::FailedPrecondition,
                   in_a_message(std::move(refusal.description)));
}
}  // namespace

Client::Session::Session(Negotiated connection, FileDescriptor wakeup, Callbacks callbacks)
    : connection_(std::move(connection)), wakeup_(std::move(wakeup)), callbacks_(std::move(callbacks)) {}

void Client::Session::start() {
  reader_ = std::thread([this] { run(); });
}

Client::Session::~Session() {
  CHECK(std::this_thread::get_id() != reader_id_);  // a callback must not destroy its own client
  if (!reader_.joinable()) return;
  {
    const Lock lock(mutex_);
    stop_ = Stop::Asked;
  }
  wake_reader();
  reader_.join();
  Lock lock(mutex_);
  changed_.wait(lock, [this] { return callers_ == 0; });
}

bool Client::Session::is_stalled() const {
  const Lock lock(mutex_);
  return !closed_why_ && in_flight_ && in_flight_->waiter == Waiter::Gone;
}

bool Client::Session::is_closed() const {
  const Lock lock(mutex_);
  return closed_why_.has_value();
}

Result<nlohmann::json> Client::Session::execute(std::string_view command, const nlohmann::json& arguments, Time deadline,
                                                std::string_view operation, int descriptor) {
  CHECK(std::this_thread::get_id() != reader_id_);  // a callback would wait for itself
  const std::string name(command);
  Lock lock(mutex_);
  ++callers_;
  const std::string id = command_id(next_turn_, operation);
  auto result = [&]() -> Result<nlohmann::json> {
    // Encoded first, so that only sending is left once it is this caller's turn.
    auto bytes = TRY(encode_command(command, arguments, id));
    InFlight in_flight{.command = name, .id = id, .bytes = std::move(bytes), .descriptor = descriptor, .sent = 0, .reply = {}};
    TRY(take_turn(lock, name, deadline));
    in_flight_ = std::move(in_flight);
    // The reader sends the rest and handles errors.
    if (const auto sent = send_more(); !sent.ok() || in_flight_->sent < in_flight_->bytes.size()) wake_reader();
    return await_reply(lock, deadline);
  }();
  --callers_;
  changed_.notify_all();
  return result;
}

Status Client::Session::take_turn(Lock& lock, const std::string& command, Time deadline) {
  const auto turn = *turns_.insert(next_turn_++).first;
  const auto is_mine = [&] { return !in_flight_ && *turns_.begin() == turn; };
  changed_.wait_until(lock, deadline, [&] { return closed_why_ || is_mine(); });
  const bool is_in_time = is_mine() && Clock::now() < deadline;
  turns_.erase(turn);
  changed_.notify_all();  // the next caller
  const std::string context = command + ": not sent: ";
  if (closed_why_) return no_effect(Code::Unavailable, context + "the monitor is closed: " + *closed_why_);
  if (is_in_time) return Ok{};
  if (in_flight_) return no_effect(Code::Unavailable, context + in_flight_->command + " is unanswered");
  return no_effect(Code::Unavailable, context + "the deadline has passed");
}

Result<nlohmann::json> Client::Session::await_reply(Lock& lock, Time deadline) {
  changed_.wait_until(lock, deadline, [this] { return closed_why_ || in_flight_->reply; });
  const std::string command = in_flight_->command;
  const bool is_begun = in_flight_->sent > 0;
  if (in_flight_->reply) {
    Reply reply = std::move(*in_flight_->reply);
    free_slot();
    return value_of(std::move(reply));
  }
  if (closed_why_) {
    free_slot();
    const std::string lost = "the monitor was closed: " + *closed_why_;
    if (!is_begun) return no_effect(Code::Unavailable, command + ": not sent: " + lost);
    return maybe_effect(Code::Unavailable, command + ": unanswered: " + lost);
  }
  if (!is_begun) {
    free_slot();
    return no_effect(Code::Unavailable, command + ": not sent: the monitor does not read");
  }
  in_flight_->waiter = Waiter::Gone;
  return maybe_effect(Code::DeadlineExceeded, command + ": no reply in time");
}

Status Client::Session::send_more() {
  while (in_flight_ && in_flight_->sent < in_flight_->bytes.size()) {
    const auto left = std::string_view(in_flight_->bytes).substr(in_flight_->sent);
    const auto sent = TRY(connection_.socket.send_some(left, in_flight_->sent == 0 ? in_flight_->descriptor : -1));
    if (sent == 0) break;
    in_flight_->sent += sent;
  }
  return Ok{};
}

void Client::Session::free_slot() {
  in_flight_.reset();
  changed_.notify_all();
}

void Client::Session::wake_reader() const {
  // Fails only if the counter is full, and then the reader is awake.
  static_cast<void>(::eventfd_write(wakeup_.get(), 1));
}

}  // namespace blockplug::qmp
