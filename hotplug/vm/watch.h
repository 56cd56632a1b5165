// SPDX-License-Identifier: Apache-2.0
#pragma once
// Inside Vms: the one thread that watches sockets, processes and timers of all VMs, and gives each connect, which may block, to a
// short-lived worker of that VM, at most one at a time. For vms.cc and watch.cc only.
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "hotplug/host/file_descriptor.h"
#include "hotplug/vm/process_book.h"
#include "hotplug/vm/socket_pattern.h"
#include "hotplug/vm/vm.h"
#include "hotplug/vm/vms.h"

namespace blockplug {

class Vms::Watch {
 public:
  Watch(VmsOptions options, EventSink& events);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  Status start();
  void stop();
  bool has_socket(const std::string& id) const;
  std::shared_ptr<Vm> find(const std::string& id) const;
  std::vector<std::shared_ptr<Vm>> all() const;
  std::vector<VmState> list() const;
  std::vector<std::string> notes() const;

 private:
  struct Entry {
    std::shared_ptr<Vm> vm;
    std::optional<SocketSight> socket;
    std::thread worker;
    Clock::duration backoff{};
    Time next_try;  // Time::max() while a worker is connecting and nothing new was seen
    std::optional<Time> connected_at;
  };
  struct Attempted {
    std::string id;
    Status status;
  };

  void run();
  void rescan();
  void watch_directory(const std::string& path);
  Entry& entry_of(const std::string& id);  // under mutex_
  void wait(Time until);
  void wake() const;
  Time care_for_all();  // when to check again
  void bury(Entry& entry);
  void finish_attempts();
  void attempt(Entry& entry);
  Status connect(Vm& vm);

  const VmsOptions options_;
  EventSink& events_;
  ProcessBook book_;
  std::optional<SocketPattern> pattern_;  // from start on
  FileDescriptor inotify_, wakeup_;
  std::atomic<bool> is_stopping_{};
  bool must_rescan_{};    // watch thread only, as the next
  bool has_unwatched_{};  // a directory could not be watched: poll
  std::thread thread_;

  mutable std::mutex mutex_;  // guards the next three; entries are changed on the watch thread only
  std::map<std::string, Entry> entries_;
  std::vector<Attempted> attempted_;
  std::vector<std::string> notes_;
};

}  // namespace blockplug
