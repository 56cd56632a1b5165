// SPDX-License-Identifier: Apache-2.0
#pragma once
// Watches processes that serve volumes and are not children of the daemon: when one ends, its volume is doubted at once. At most
// one process per volume, identified by its start time, so that a later one with the same pid is never watched.
//
// One thread, which polls pidfds. Owned by the composition root; thread-safe.
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "attach-detach/events.h"
#include "hotplug/host/process/process.h"

namespace blockplug {

class ProcessWatch {
 public:
  explicit ProcessWatch(EventSink& events) : events_(events) {}
  ~ProcessWatch();
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;

  Status start();
  void stop();
  // The same process again: no change; another process: replaces it. A process that has already ended is reported at once.
  void watch(const ProcessId& process, const VolumeId& volume);
  void unwatch(const VolumeId& volume);

 private:
  struct Watched {
    ProcessId process;
    std::shared_ptr<const FileDescriptor> pidfd;  // stays open while the thread polls it
  };
  void run();
  void wake() const;
  bool forget(const VolumeId& volume, const FileDescriptor* pidfd);

  EventSink& events_;
  FileDescriptor wakeup_;
  std::mutex mutex_;  // guards the next two
  std::map<VolumeId, Watched> watched_;
  bool is_stopping_{};
  std::thread thread_;
};

}  // namespace blockplug
