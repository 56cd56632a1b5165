// SPDX-License-Identifier: Apache-2.0
// The reader thread of a session.
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "hotplug/vm/qmp/session.h"

namespace blockplug::qmp {
namespace {
constexpr std::size_t kReadBytes = 64U << 10U;

Error lost(const char* why) { return no_effect(Code::Unavailable, why); }
}  // namespace

void Client::Session::run() {
  reader_id_ = std::this_thread::get_id();
  ::pthread_setname_np(::pthread_self(), "qmp-reader");
  const std::string why = read_until_closed();
  {
    const Lock lock(mutex_);
    closed_why_ = why;
  }
  connection_.socket.shut_down();  // lets QEMU accept the next client
  changed_.notify_all();
  if (callbacks_.on_closed) callbacks_.on_closed(why);
}

// Returns why it ended.
std::string Client::Session::read_until_closed() {
  for (const Event& event : connection_.events)
    if (callbacks_.on_event) callbacks_.on_event(event);
  connection_.events.clear();
  if (const auto delivered = deliver_decoded(); !delivered.ok()) return delivered.error().message;

  for (;;) {
    std::array<pollfd, 2> polled{{{connection_.socket.fd(), POLLIN, 0}, {wakeup_.get(), POLLIN, 0}}};
    {
      const Lock lock(mutex_);
      if (stop_ == Stop::Asked) return "closed by us";
      if (in_flight_ && in_flight_->sent < in_flight_->bytes.size()) polled[0].events |= POLLOUT;
    }
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return "poll failed";
    if (eventfd_t wakeups = 0; polled[1].revents != 0) static_cast<void>(::eventfd_read(wakeup_.get(), &wakeups));
    // Read first: messages that QEMU sent before it closed still count.
    if ((polled[0].revents & ~POLLOUT) != 0)
      if (const auto received = receive(); !received.ok()) return received.error().message;
    if ((polled[0].revents & POLLOUT) != 0)
      if (const auto sent = send_rest(); !sent.ok()) return sent.error().message;
  }
}

Status Client::Session::send_rest() {
  const Lock lock(mutex_);
  return send_more();
}

Status Client::Session::receive() {
  std::array<char, kReadBytes> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): not worth clearing each time
  const auto received = connection_.socket.receive_some(buffer);
  if (!received.ok()) {
    if (connection_.decoder.is_inside_message()) return within("in the middle of a message", received.error());
    return received.error();
  }
  connection_.decoder.feed({buffer.data(), *received});
  return deliver_decoded();
}

Status Client::Session::deliver_decoded() {
  while (auto message = TRY(connection_.decoder.next())) {
    if (std::holds_alternative<Greeting>(*message)) return lost("not QMP: a second greeting");
    if (auto* reply = std::get_if<Reply>(&*message)) TRY(deliver(std::move(*reply)));
    if (const auto* event = std::get_if<Event>(&*message); event != nullptr && callbacks_.on_event) callbacks_.on_event(*event);
  }
  return Ok{};
}

// After a reply that matches no command, QEMU's state is unknown: the connection is closed.
Status Client::Session::deliver(Reply reply) {
  Lock lock(mutex_);
  if (!in_flight_ || in_flight_->reply) return lost("a reply to no command");
  if (reply.id && *reply.id != in_flight_->id) return lost("a reply to another command");
  if (in_flight_->sent < in_flight_->bytes.size()) return lost("a reply to a command that has not been sent yet");
  if (in_flight_->waiter == Waiter::There) {
    in_flight_->reply = std::move(reply);
    changed_.notify_all();
    return Ok{};
  }
  free_slot();
  lock.unlock();
  if (callbacks_.on_late_reply) callbacks_.on_late_reply();
  return Ok{};
}

}  // namespace blockplug::qmp
