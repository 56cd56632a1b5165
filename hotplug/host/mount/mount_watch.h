// SPDX-License-Identifier: Apache-2.0
#pragma once
// Notices at once when a mount of ours goes: the kernel wakes pollers of /proc/self/mountinfo, and a missing mount causes a doubt
// of its volume.
//
// One thread; the cost of reading the table grows with the number of mounts, so bursts of changes are read once. Owned by the
// composition root; thread-safe.
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "attach-detach/events.h"
#include "attach-detach/outcome.h"
#include "attach-detach/shared_readings.h"
#include "hotplug/host/mount/mount_table.h"

namespace blockplug::mount {

class MountWatch {
 public:
  explicit MountWatch(EventSink& events);
  ~MountWatch();
  MountWatch(const MountWatch&) = delete;
  MountWatch& operator=(const MountWatch&) = delete;
  Status start();
  void stop();
  // A mount of ours exists. Its end is reported once; call again after mounting again.
  void watch(const std::string& path, const VolumeId& volume);
  void unwatch(const std::string& path);  // we are about to unmount it
  // The mount table, for probes of what was mounted: they share the readings (Call::doubted_at).
  Result<std::shared_ptr<const std::vector<Mount>>> mounts_since(Time doubted_at);

 private:
  void run(int table);
  void wake() const;
  void look();

  EventSink& events_;
  int wakeup_{-1};
  std::atomic<bool> is_stopping_{false};
  std::mutex mutex_;  // guards paths_
  std::map<std::string, VolumeId> paths_;
  SharedReadings<std::monostate, std::vector<Mount>> readings_;
  std::thread thread_;
};

}  // namespace blockplug::mount
