// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/local/directory_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "volume-plugin/local/system_error.h"

namespace blockplug::local {
namespace {
constexpr std::uint32_t kNews = IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE;
}  // namespace

DirectoryWatch::DirectoryWatch(std::string backend, const VolumeDirectory& directory, EventSink& events)
    : backend_(std::move(backend)), directory_(directory), events_(events) {}

DirectoryWatch::~DirectoryWatch() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wakeup_.get(), &one, sizeof one);
  thread_.join();
}

Status DirectoryWatch::start() {
  inotify_ = FileDescriptor{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
  if (!inotify_.is_open()) {
    const int error = errno;
    return no_effect(Code::ResourceExhausted, "cannot watch " + directory_.path() + ": " + std::strerror(error) +
                                                  (error == EMFILE ? "; raise fs.inotify.max_user_instances" : ""));
  }
  // By the descriptor, so that it is the same directory that the volumes are opened in.
  const auto path = "/proc/self/fd/" + std::to_string(directory_.fd());
  if (::inotify_add_watch(inotify_.get(), path.c_str(), kNews) < 0) return system_error(errno, "watch " + directory_.path());
  wakeup_ = FileDescriptor{::eventfd(0, EFD_CLOEXEC)};
  if (!wakeup_.is_open()) return system_error(errno, "make an eventfd");
  thread_ = std::thread([this] { run(); });
  return Ok{};
}

void DirectoryWatch::run() {
  while (true) {
    std::array<pollfd, 2> wanted{{{inotify_.get(), POLLIN, 0}, {wakeup_.get(), POLLIN, 0}}};
    if (::poll(wanted.data(), wanted.size(), -1) < 0 && errno != EINTR) return;
    if (wanted[1].revents != 0) return;
    if (wanted[0].revents != 0 && !read_news()) return;
  }
}

// Events lost to an overflow (IN_Q_OVERFLOW has no name) are left to the resync.
bool DirectoryWatch::read_news() {
  alignas(inotify_event) std::array<char, 16384> buffer{};
  const auto got = ::read(inotify_.get(), buffer.data(), buffer.size());
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
    inotify_event event{};
    std::memcpy(&event, buffer.data() + at, sizeof event);
    const char* name = buffer.data() + at + sizeof event;
    at += sizeof event + event.len;
    if (event.len == 0) continue;
    if (const auto volume = VolumeDirectory::volume_of(name)) events_.doubt_volume(VolumeId(backend_ + "/" + *volume));
  }
  return true;
}

}  // namespace blockplug::local
