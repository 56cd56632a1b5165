// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/udev/block_events.h"

#include <libudev.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <set>

#include "hotplug/host/file_descriptor.h"

namespace blockplug {
namespace {
Error cannot_listen(const std::string& what, int error) {
  return no_effect(Code::Unavailable, "cannot listen for events of block devices (" + what + "): " + std::strerror(error));
}

template <typename Thing, Thing* (*Release)(Thing*)>
struct Unref {
  void operator()(Thing* thing) const { Release(thing); }
};
}  // namespace

struct BlockEvents::Monitor {
  std::unique_ptr<udev, Unref<udev, udev_unref>> library;
  std::unique_ptr<udev_monitor, Unref<udev_monitor, udev_monitor_unref>> monitor;
  FileDescriptor stop;
};

BlockEvents::BlockEvents(EventSink& events, int receive_buffer_bytes)
    : events_(events), receive_buffer_bytes_(receive_buffer_bytes) {}

BlockEvents::~BlockEvents() { stop(); }

Status BlockEvents::start() {
  if (thread_.joinable()) return Ok{};
  auto monitor = std::make_unique<Monitor>();
  monitor->library.reset(udev_new());
  if (!monitor->library) return cannot_listen("udev_new", errno);
  const char* source = ::access("/run/udev/control", F_OK) == 0 ? "udev" : "kernel";
  monitor->monitor.reset(udev_monitor_new_from_netlink(monitor->library.get(), source));
  if (!monitor->monitor) return cannot_listen("netlink", errno);
  auto* listening = monitor->monitor.get();
  udev_monitor_set_receive_buffer_size(listening, receive_buffer_bytes_);  // needs privileges; without it events get lost sooner
  if (udev_monitor_filter_add_match_subsystem_devtype(listening, "block", nullptr) < 0) return cannot_listen("filter", errno);
  if (const int error = udev_monitor_enable_receiving(listening); error < 0) return cannot_listen("netlink", -error);
  monitor->stop = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!monitor->stop.is_open()) return cannot_listen("eventfd", errno);
  monitor_ = std::move(monitor);
  thread_ = std::thread([this] { run(); });
  return Ok{};
}

void BlockEvents::stop() {
  if (!thread_.joinable()) return;
  ::eventfd_write(monitor_->stop.get(), 1);
  thread_.join();
  monitor_.reset();
}

void BlockEvents::watch(const std::string& device, const VolumeId& volume) {
  const std::lock_guard lock(mutex_);
  devices_.insert_or_assign(device, volume);
}

void BlockEvents::unwatch(const std::string& device) {
  const std::lock_guard lock(mutex_);
  devices_.erase(device);
}

void BlockEvents::run() {
  auto* monitor = monitor_->monitor.get();
  std::array<pollfd, 2> ready{{{udev_monitor_get_fd(monitor), POLLIN, 0}, {monitor_->stop.get(), POLLIN, 0}}};
  while (::poll(ready.data(), ready.size(), -1) >= 0 || errno == EINTR) {
    if (ready[1].revents != 0) return;
    if (ready[0].revents == 0) continue;
    errno = 0;
    const std::unique_ptr<udev_device, Unref<udev_device, udev_device_unref>> device(udev_monitor_receive_device(monitor));
    if (!device && errno == ENOBUFS) doubt_all();
    const char* path = device ? udev_device_get_devnode(device.get()) : nullptr;
    if (path != nullptr) doubt(path);
  }
}

// Calls the sink without the lock: it may take its own locks.
void BlockEvents::doubt(const std::string& device) {
  std::optional<VolumeId> volume;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = devices_.find(device); found != devices_.end()) volume = found->second;
  }
  if (volume) events_.doubt_volume(*volume);
}

// The socket was full: it is unknown which events were lost.
void BlockEvents::doubt_all() {
  std::set<VolumeId> volumes;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [device, volume] : devices_) volumes.insert(volume);
  }
  for (const auto& volume : volumes) events_.doubt_volume(volume);
}

}  // namespace blockplug
