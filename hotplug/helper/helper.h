// SPDX-License-Identifier: Apache-2.0
#pragma once
// Work that the kernel may hold for ever (mount, umount, a dead device, mkfs, fsck) runs in a process of its own, which is left
// behind at its deadline: the daemon goes on, the volume waits until that process has really ended.
//
//   run ──▶ blockplug-helper VERB ──answer──▶ Result<Facts>
//             └── no answer by the deadline: left behind; `busy` names it until it has ended
//
// It is in the book before it is told what to do, and leaves it when it has ended: a later life of the daemon finds what a crashed
// one began. The process: a session of its own, no descriptor of ours but one socket (its stdin and stdout), a fixed environment,
// / as its directory, never a shell. It is not killed: what it began may have effects, and ends when the kernel lets it. Owned by
// the composition root; thread-safe.
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
  std::string verb;  // "mount"; see hotplug/helper/program.h
  Facts arguments;   // names and values, any bytes but NUL; no secrets
  VolumeId volume;   // whose thing it works on
  std::string what;  // for people: "the mount of /dev/loop3 on /srv/data"
  Time deadline;
  std::stop_token stop{};  // the daemon goes down, or the wish has changed: left behind a few seconds later
};

class Helper {
 public:
  // `program`: path of blockplug-helper. `book_directory`: where those that run are remembered, e.g. "/run/blockplug/helpers".
  Helper(std::string program, std::string book_directory);
  ~Helper();
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;

  // Blocks. The helper's own answer or error; DeadlineExceeded with effect Unknown: it was left behind; Internal with effect
  // Unknown: it died without an answer; Unavailable with effect None: it could not be started, or `stop` came before.
  Result<Facts> run(const HelperTask& task);

  // What a helper of this volume that was left behind still does, for people: "the mount of … (process 4711) has not ended".
  // Also one that has answered and does not end.
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
