// SPDX-License-Identifier: Apache-2.0
#pragma once
// The kernel's events for block devices, by libudev: a device that we mapped was removed or changed by another program.
//
// Listens to udevd's broadcasts if udevd runs (/run/udev/control), else to the kernel's own. Lost events (another network
// namespace, a full socket) only cost time: the resync probes again. One thread; owned by the composition root; thread-safe.
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "attach-detach/events.h"
#include "attach-detach/outcome.h"

namespace blockplug {

class BlockEvents {
 public:
  // `receive_buffer_bytes`: for events that wait to be read; where it overflows, all that is watched is doubted.
  explicit BlockEvents(EventSink& events, int receive_buffer_bytes = 8 << 20);
  ~BlockEvents();
  BlockEvents(const BlockEvents&) = delete;
  BlockEvents& operator=(const BlockEvents&) = delete;

  Status start();
  void stop();
  // From now on an event of this device ("/dev/loop3") doubts the volume. A second call replaces the volume.
  void watch(const std::string& device, const VolumeId& volume);
  void unwatch(const std::string& device);

 private:
  void run();
  void doubt(const std::string& device);
  void doubt_all();

  EventSink& events_;
  const int receive_buffer_bytes_;
  struct Monitor;
  std::unique_ptr<Monitor> monitor_;
  std::mutex mutex_;  // guards devices_
  std::map<std::string, VolumeId> devices_;
  std::thread thread_;
};

}  // namespace blockplug
