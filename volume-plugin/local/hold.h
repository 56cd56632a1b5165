// SPDX-License-Identifier: Apache-2.0
#pragma once
// The rung Hold of local volumes: this daemon's OFD lock on the volume's file, taken only if no other daemon, no QEMU and no loop
// device uses the file. Exclusive for ReadWrite, shared for ReadOnly.
//
//   Down ── raise ──▶ Up (lock and descriptor in the table)        the daemon ends: the lock is gone, the record stays
//    ▲                 │                                             ──▶ Stale ── raise ──▶ Up
//    └──── lower ──────┘
//
// Made by the composition root; calls come on any worker thread, one at a time per volume. It never waits: the request is refused,
// and the error names the other user. QEMU and losetup do not know our lock: against those that come later, only QEMU's own locks
// and the holds of this daemon's attachments protect.
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/rung.h"
#include "volume-plugin/local/conflict.h"
#include "volume-plugin/local/directory.h"

namespace blockplug::local {

// Recognises what an earlier run of this daemon opened. Called on worker threads; must not block.
struct Adoption {
  std::function<std::optional<pid_t>(const TargetId&)> vm_process;                          // the QEMU of a VM target
  std::function<bool(const AttachmentKey&, const std::string& loop_device)> is_our_loop{};  // for host targets
  // The VM may be running without being connected yet: QEMU's locks may belong to our own VM.
  std::function<bool(const TargetId&)> is_unseen{};
};

// Facts of a raised hold: "image.id", "image.path", "image.size_bytes", "image.boot" (the boot in which the image was recorded),
// "image.direct" ("true" where the file system lets files be opened with O_DIRECT) and "image.never_written" ("true": proven by
// the file system when the hold was raised first, with nobody else there; what was recorded then stays, since what is plugged now
// may have been written).
class LocalHold final : public Rung {
 public:
  LocalHold(const VolumeDirectory& directory, Adoption adoption);

  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  Survey survey(Time) override { return {}; }  // locks die with us: no daemon finds its own again

 private:
  struct Held {
    FileDescriptor fd;
    FileId file;
    Access access{};
    std::string never_written;
  };
  Result<Facts> take(const Call& call);
  Status take_free_lock(const VolumeFile& file, const Call& call) const;
  Status check_still_named(const VolumeFile& file, const std::string& name) const;
  std::optional<std::string> was_replaced(const Call& call, const FileId& now) const;
  std::string who_has_the_lock(const FileId& file) const;
  OurOwn ours(const AttachmentKey& key) const;
  Result<std::string> never_written(const Call& call, const VolumeFile& file, const Held* held) const;
  bool is_unseen(const AttachmentKey& key, const ForeignUser& user) const;
  Facts facts_of(const VolumeFile& file, const std::string& name, const std::string& never_written) const;
  Finding probe_held(const Call& call, const std::optional<FileId>& now) const;
  Finding probe_free(const Call& call, const FileId& now) const;
  std::shared_ptr<const Held> held_for(const AttachmentKey& key) const;
  void release(const AttachmentKey& key);

  const VolumeDirectory& directory_;
  const Adoption adoption_;
  const std::string boot_;
  mutable std::mutex mutex_;  // guards held_
  std::map<AttachmentKey, std::shared_ptr<const Held>> held_;
};

}  // namespace blockplug::local
