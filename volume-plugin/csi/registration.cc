// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/csi/registration.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <system_error>

namespace blockplug::csi {
namespace {
constexpr int kLookEveryMilliseconds = 2000;
}

Status RegistrationSocket::start() {
  wakeup_ = FileDescriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!wakeup_.is_open()) return no_effect(Code::ResourceExhausted, path_ + ": too many open files");
  look();
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    return no_effect(Code::ResourceExhausted, path_ + ": cannot start a thread: " + error.what());
  }
  return Ok{};
}

void RegistrationSocket::stop() {
  if (thread_.joinable()) {
    static_cast<void>(::eventfd_write(wakeup_.get(), 1));
    thread_.join();
  }
  socket_.reset();
}

void RegistrationSocket::run() {
  ::pthread_setname_np(::pthread_self(), "kubelet-socket");
  pollfd end{wakeup_.get(), POLLIN, 0};
  while (::poll(&end, 1, kLookEveryMilliseconds) == 0) look();
}

void RegistrationSocket::look() {
  if (socket_ && socket_->is_in_place()) return;
  socket_.reset();
  auto listening = PeerSocket::listen(path_);
  if (listening.ok())
    if (auto started = (*listening)->start({callbacks_.on_connection, callbacks_.on_refused}); !started.ok())
      listening = std::move(started).error();
  if (listening.ok()) {
    socket_ = std::move(*listening);
    last_problem_.clear();
  } else if (listening.error().code != Code::NotFound && listening.error().message != last_problem_) {
    last_problem_ = listening.error().message;
    callbacks_.on_problem(last_problem_);
  }
}

}  // namespace blockplug::csi
