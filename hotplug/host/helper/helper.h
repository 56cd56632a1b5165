// SPDX-License-Identifier: Apache-2.0
#pragma once
// Operations that the kernel may block indefinitely (mount, umount, a dead device, mkfs, fsck) run in a process of their own, which
// is left behind at its deadline: the daemon goes on, and the volume waits until that process has ended.
//
//   run ──▶ blockplug-helper VERB ──answer──▶ Result<Facts>
//             └── no answer by the deadline: left behind; `busy` names it until it has ended
//
// It is recorded in a file before it gets its request, until it has ended: a restarted daemon finds the processes of a crashed one.
// The process has its own session, one socket as stdin and stdout and no other descriptors of the daemon, a fixed environment and /
// as its directory; no shell. It is never killed: what it started may have effects, and ends when the kernel allows. Owned by the
// composition root; thread-safe.
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "attach-detach/ids.h"
#include "attach-detach/outcome.h"

namespace blockplug {

struct HelperTask {
  std::string verb;  // "mount"; see hotplug/host/helper/program.h
  Facts arguments;   // names and values, any bytes except NUL; no secrets
  VolumeId volume;   // the volume that it works on
  std::string what;  // for messages: "the mount of /dev/loop3 on /srv/data"
  Time deadline;
  std::stop_token stop{};  // the daemon is stopping, or a newer request came: left behind a few seconds later
};

class Helper {
 public:
  // `program`: path of blockplug-helper. `book_directory`: where running helpers are recorded, e.g. "/run/blockplug/helpers".
  Helper(std::string program, std::string book_directory);
  ~Helper();
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;

  // Blocks. The helper's own answer or error; DeadlineExceeded with effect Unknown: it was left behind; Internal with effect
  // Unknown: it died without an answer; Unavailable with effect None: it could not be started, or `stop` came first.
  Result<Facts> run(const HelperTask& task);

  // What a helper of this volume that was left behind is still doing: "the mount of … (process 4711) has not ended". Also for a
  // helper that has answered but does not end.
  std::optional<std::string> busy(const VolumeId& volume);

 private:
  struct Left;
  Result<Left> start(const HelperTask& task, int theirs) const;
  Result<Facts> end_of(const HelperTask& task, Left process, const std::string& answer);
  std::string leave_what_it_began(const HelperTask& task, pid_t session);
  void leave_behind(const HelperTask& task, Left process);
  bool pass_on(const VolumeId& volume, Left& process) const;
  Status write_page(const VolumeId& volume, const Left& process) const;
  void remove_page(const Left& process) const;
  void read_book();
  void forget_ended();

  const std::string program_, book_directory_;
  std::mutex mutex_;  // guards left_
  std::multimap<VolumeId, std::unique_ptr<Left>> left_;
};

}  // namespace blockplug
