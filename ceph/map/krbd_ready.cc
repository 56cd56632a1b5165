// SPDX-License-Identifier: Apache-2.0
#include "ceph/map/krbd_ready.h"

#include <libudev.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

namespace blockplug::rbd {
namespace {
template <typename Thing, Thing* (*Release)(Thing*)>
struct Unref {
  void operator()(Thing* thing) const { Release(thing); }
};
using Library = std::unique_ptr<udev, Unref<udev, udev_unref>>;
using Monitor = std::unique_ptr<udev_monitor, Unref<udev_monitor, udev_monitor_unref>>;
using Device = std::unique_ptr<udev_device, Unref<udev_device, udev_device_unref>>;

bool has_udevd() { return ::access("/run/udev/control", F_OK) == 0; }

dev_t number_of(const KrbdDevice& device) {
  unsigned major_number{}, minor_number{};
  return std::sscanf(device.number.c_str(), "%u:%u", &major_number, &minor_number) == 2 ? makedev(major_number, minor_number)
                                                                                        : dev_t{};
}

bool has_node(const KrbdDevice& device) {
  struct stat status {};
  return ::stat(device.path.c_str(), &status) == 0 && S_ISBLK(status.st_mode) && status.st_rdev == number_of(device);
}

bool is_processed(const Library& library, const KrbdDevice& device) {
  const Device known{udev_device_new_from_devnum(library.get(), 'b', number_of(device))};
  return known && udev_device_get_is_initialized(known.get()) > 0;
}

// Listens for udevd's message that it has processed a device; nullptr: not possible.
Monitor listen(const Library& library) {
  Monitor monitor{udev_monitor_new_from_netlink(library.get(), "udev")};
  if (!monitor || udev_monitor_filter_add_match_subsystem_devtype(monitor.get(), "block", "disk") < 0) return nullptr;
  return udev_monitor_enable_receiving(monitor.get()) < 0 ? nullptr : std::move(monitor);
}

// Not for long: in another network namespace the message may never arrive.
void wait_for_news(const Monitor& monitor) {
  constexpr int kLongestMs = 100;
  pollfd news{monitor ? udev_monitor_get_fd(monitor.get()) : -1, POLLIN, 0};
  if (::poll(&news, 1, kLongestMs) > 0) const Device heard{udev_monitor_receive_device(monitor.get())};
}
}  // namespace

Status wait_until_ready(const KrbdDevice& device, Time deadline, const std::stop_token& stop) {
  const bool is_managed = has_udevd();
  const Library library{is_managed ? udev_new() : nullptr};
  const auto monitor = library ? listen(library) : nullptr;  // before the first check
  const auto until = std::min(deadline, Clock::now() + std::chrono::seconds(10));
  while (!has_node(device) || (library && !is_processed(library, device))) {
    if (!is_managed || Clock::now() >= until || stop.stop_requested()) {
      auto numbers = device.number;
      std::ranges::replace(numbers, ':', ' ');
      return maybe_effect(
          Code::Unavailable,
          is_managed ? "udevd has not processed " + device.path + " yet: check that it runs (`udevadm control --ping`)"
                     : "the device node " + device.path + " is missing: run `mknod " + device.path + " b " + numbers + "`");
    }
    wait_for_news(monitor);
  }
  return Ok{};
}

}  // namespace blockplug::rbd
