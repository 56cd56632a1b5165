// SPDX-License-Identifier: Apache-2.0
#pragma once
// Notices at once when somebody deletes, moves or replaces a volume's file: its volume is doubted, and Hold looks again.
//
// inotify on the one directory, one thread. What it cannot see (a directory on another host's file system) costs nothing but time:
// the resync looks too. Owned by the composition root, beside the backend.
#include <string>
#include <thread>

#include "attach-detach/events.h"
#include "attach-detach/outcome.h"
#include "volume-plugin/local/descriptor.h"
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
  Descriptor inotify_, wakeup_;
  std::thread thread_;
};

}  // namespace blockplug::local
