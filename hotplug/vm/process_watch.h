// SPDX-License-Identifier: Apache-2.0
#pragma once
// Processes that serve volumes of ours and are no children of ours: when one ends, its volume is doubted at once. At most one
// process per volume, known by its start time, so that never a later one with the same pid is watched.
//
// One thread, which polls pidfds. Owned by the composition root; thread-safe.
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "attach-detach/events.h"
#include "hotplug/vm/process.h"

namespace blockplug {

class ProcessWatch {
 public:
  explicit ProcessWatch(EventSink& events) : events_(events) {}
  ~ProcessWatch();
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;

  Status start();
  void stop();
  // Again: nothing new; another process: that one from now on. One that has ended already is told at once.
  void watch(const ProcessId& process, const VolumeId& volume);
  void unwatch(const VolumeId& volume);

 private:
  struct Watched {
    ProcessId process;
    std::shared_ptr<const qmp::FileDescriptor> pidfd;  // stays open while the thread polls it
  };
  void run();
  void wake() const;
  bool forget(const VolumeId& volume, const qmp::FileDescriptor* pidfd);

  EventSink& events_;
  qmp::FileDescriptor wakeup_;
  std::mutex mutex_;  // guards the next two
  std::map<VolumeId, Watched> watched_;
  bool is_stopping_{};
  std::thread thread_;
};

}  // namespace blockplug
