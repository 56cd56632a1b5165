// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/mount/mount_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <system_error>

#include "hotplug/host/file_descriptor.h"

namespace blockplug::mount {
namespace {
constexpr int kTogetherMilliseconds = 20;

void drain(int eventfd) {
  std::uint64_t count = 0;
  while (::read(eventfd, &count, sizeof count) > 0) {
  }
}
}  // namespace

MountWatch::MountWatch(EventSink& events) : events_(events), wakeup_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

MountWatch::~MountWatch() {
  stop();
  if (wakeup_ >= 0) ::close(wakeup_);
}

Status MountWatch::start() {
  CHECK(!thread_.joinable());
  const int table = ::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
  if (table < 0 || wakeup_ < 0) {
    const int error = errno;
    if (table >= 0) ::close(table);
    return no_effect(Code::Unavailable, "cannot watch /proc/self/mountinfo: " + std::generic_category().message(error));
  }
  is_stopping_ = false;
  thread_ = std::thread([this, table] { run(table); });
  return Ok{};
}

void MountWatch::stop() {
  if (!thread_.joinable()) return;
  is_stopping_ = true;
  wake();
  thread_.join();
}

void MountWatch::watch(const std::string& path, const VolumeId& volume) {
  {
    const std::lock_guard guard{mutex_};
    if (const auto [known, is_new] = paths_.insert_or_assign(path, volume); !is_new) return;
  }
  wake();  // it may have gone before it was watched
}

void MountWatch::unwatch(const std::string& path) {
  const std::lock_guard guard{mutex_};
  paths_.erase(path);
}

void MountWatch::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto put = ::write(wakeup_, &one, sizeof one);  // full: the thread is already awake
}

void MountWatch::run(int table) {
  const FileDescriptor owned{table};
  while (!is_stopping_) {
    pollfd news[] = {{table, POLLPRI, 0}, {wakeup_, POLLIN, 0}};  // POLLERR is always asked for: proc_pid_mounts(5)
    if (::poll(news, 2, -1) < 0 && errno != EINTR) return;
    drain(wakeup_);
    pollfd end{wakeup_, POLLIN, 0};
    if (!is_stopping_) ::poll(&end, 1, kTogetherMilliseconds);
    if (!is_stopping_) look();
  }
}

Result<std::shared_ptr<const std::vector<Mount>>> MountWatch::mounts_since(Time doubted_at) {
  return readings_.since(doubted_at, {}, all_mounts);
}

void MountWatch::look() {
  const auto mounts = mounts_since(Clock::now());
  if (!mounts.ok()) return;
  std::set<std::string> mounted;
  for (const auto& mount : **mounts) mounted.insert(mount.path);
  std::vector<VolumeId> gone;
  {
    const std::lock_guard guard{mutex_};
    for (auto entry = paths_.begin(); entry != paths_.end();) {
      const bool is_gone = !mounted.contains(entry->first);
      if (is_gone) gone.push_back(entry->second);
      entry = is_gone ? paths_.erase(entry) : std::next(entry);
    }
  }
  for (const auto& volume : gone) events_.doubt_volume(volume);
}

}  // namespace blockplug::mount
