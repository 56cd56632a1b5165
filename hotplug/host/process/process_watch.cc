// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/process/process_watch.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace blockplug {

ProcessWatch::~ProcessWatch() { stop(); }

Status ProcessWatch::start() {
  if (thread_.joinable()) return Ok{};
  wakeup_ = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wakeup_.is_open())
    return no_effect(Code::Unavailable, std::string("cannot watch processes (eventfd): ") + std::strerror(errno));
  is_stopping_ = false;
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "process-watch");
    run();
  });
  return Ok{};
}

void ProcessWatch::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake();
  thread_.join();
}

void ProcessWatch::wake() const { static_cast<void>(::eventfd_write(wakeup_.get(), 1)); }

void ProcessWatch::watch(const ProcessId& process, const VolumeId& volume) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = watched_.find(volume); known != watched_.end() && known->second.process == process) return;
    auto pidfd = std::make_shared<const FileDescriptor>(watch_process(process));
    watched_.erase(volume);
    if (pidfd->is_open()) watched_.emplace(volume, Watched{process, std::move(pidfd)});
    if (watched_.contains(volume)) return wake();
  }
  events_.doubt_volume(volume);  // without the lock: the sink may take its own locks
}

void ProcessWatch::unwatch(const VolumeId& volume) {
  const std::lock_guard lock(mutex_);
  watched_.erase(volume);
}

// Unless the volume's watch has been replaced or removed since.
bool ProcessWatch::forget(const VolumeId& volume, const FileDescriptor* pidfd) {
  const std::lock_guard lock(mutex_);
  const auto found = watched_.find(volume);
  if (found == watched_.end() || found->second.pidfd.get() != pidfd) return false;
  watched_.erase(found);
  return true;
}

void ProcessWatch::run() {
  for (;;) {
    std::vector<std::pair<VolumeId, std::shared_ptr<const FileDescriptor>>> now;
    {
      const std::lock_guard lock(mutex_);
      if (is_stopping_) return;
      for (const auto& [volume, watched] : watched_) now.emplace_back(volume, watched.pidfd);
    }
    std::vector<pollfd> polled{{wakeup_.get(), POLLIN, 0}};
    for (const auto& [volume, pidfd] : now) polled.push_back({pidfd->get(), POLLIN, 0});
    if (::poll(polled.data(), polled.size(), -1) < 0) continue;
    eventfd_t wakeups{};
    static_cast<void>(::eventfd_read(wakeup_.get(), &wakeups));
    for (std::size_t index = 0; index < now.size(); ++index)
      if (polled[index + 1].revents != 0 && forget(now[index].first, now[index].second.get()))
        events_.doubt_volume(now[index].first);
  }
}

}  // namespace blockplug
