// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/helper/helper_talk.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "hotplug/host/file_descriptor.h"

namespace blockplug {
namespace {
constexpr std::chrono::seconds kPatienceOnceStopped{5};
constexpr std::size_t kLongestAnswer = 1 << 20;

int milliseconds_until(Time when) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(when - Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}
}  // namespace

HelperTalk::End HelperTalk::run(const std::stop_token& stop) {
  const FileDescriptor stopped(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const std::stop_callback wake(stop, [&] { ::eventfd_write(stopped.get(), 1); });
  int stop_fd = stopped.get();
  while (Clock::now() < deadline_ && answer_.size() <= kLongestAnswer) {
    const auto wanted = static_cast<short>(POLLIN | (sent_ < request_.size() ? POLLOUT : 0));
    std::array<pollfd, 3> ready{{{socket_, wanted, 0}, {pidfd_, POLLIN, 0}, {stop_fd, POLLIN, 0}}};
    ::poll(ready.data(), ready.size(), milliseconds_until(deadline_));
    if (ready[2].revents != 0) {
      stop_fd = -1;
      deadline_ = std::min(deadline_, Clock::now() + kPatienceOnceStopped);
    }
    if ((ready[0].revents & POLLOUT) != 0) send_more();
    const bool has_ended = ready[1].revents != 0;  // checked before its last output is read
    if (read_more() || has_ended) return End::Answered;
  }
  return End::Late;
}

void HelperTalk::send_more() {
  const ssize_t put = ::send(socket_, request_.data() + sent_, request_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (put < 0 && errno != EAGAIN && errno != EINTR) sent_ = request_.size();  // it stopped reading: how it ended is reported later
  if (put > 0) sent_ += static_cast<std::size_t>(put);
  if (sent_ == request_.size()) ::shutdown(socket_, SHUT_WR);
}

// Is the answer complete?
bool HelperTalk::read_more() {
  char piece[16384];
  while (answer_.size() <= kLongestAnswer) {
    const ssize_t got = ::recv(socket_, piece, sizeof piece, MSG_DONTWAIT);
    if (got > 0) answer_.append(piece, static_cast<std::size_t>(got));
    if (got == 0) return true;
    if (got < 0 && errno != EINTR) return errno != EAGAIN;
  }
  return false;
}

}  // namespace blockplug
