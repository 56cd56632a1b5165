// SPDX-License-Identifier: Apache-2.0
#pragma once
// Notices at once when a volume's file is deleted, moved or replaced: the volume is doubted, and Hold probes it.
//
// inotify on the one directory, one thread. Changes that it cannot see (made by another host on a shared file system) are found
// later by the resync. Owned by the composition root, beside the backend.
#include <string>
#include <thread>

#include "attach-detach/events.h"
#include "attach-detach/outcome.h"
#include "hotplug/host/file_descriptor.h"
#include "volume-plugin/local/directory.h"

namespace blockplug::local {

class DirectoryWatch {
 public:
  DirectoryWatch(std::string backend, const VolumeDirectory& directory, EventSink& events);
  ~DirectoryWatch();
  DirectoryWatch(const DirectoryWatch&) = delete;
  DirectoryWatch& operator=(const DirectoryWatch&) = delete;
  Status start();  // ResourceExhausted: no more inotify instances, with the setting to raise

 private:
  void run();
  bool read_news();
  const std::string backend_;
  const VolumeDirectory& directory_;
  EventSink& events_;
  FileDescriptor inotify_, wakeup_;
  std::thread thread_;
};

}  // namespace blockplug::local
