// SPDX-License-Identifier: Apache-2.0
#pragma once
// Notices at once when a mount of ours goes: the kernel wakes who polls /proc/self/mountinfo, and what is missing doubts its
// volume.
//
// One thread; a table read costs as much as there are mounts, so changes that come together are read together. Owned by the
// composition root; thread-safe.
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "attach-detach/events.h"
#include "attach-detach/outcome.h"

namespace blockplug::mount {

class MountWatch {
 public:
  explicit MountWatch(EventSink& events);
  ~MountWatch();
  MountWatch(const MountWatch&) = delete;
  MountWatch& operator=(const MountWatch&) = delete;
  Status start();
  void stop();
  // A mount of ours is there now. Its end is told once; who mounts again says so again.
  void watch(const std::string& path, const VolumeId& volume);
  void unwatch(const std::string& path);  // it is about to go by our own hand

 private:
  void run(int table);
  void wake() const;
  void look();

  EventSink& events_;
  int wakeup_{-1};
  std::atomic<bool> is_stopping_{false};
  std::mutex mutex_;  // guards paths_
  std::map<std::string, VolumeId> paths_;
  std::thread thread_;
};

}  // namespace blockplug::mount
