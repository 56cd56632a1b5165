// SPDX-License-Identifier: Apache-2.0
#pragma once
// Map without a kernel module for RBD: one qemu-storage-daemon per volume, which opens the image, shows it as a file by FUSE, and
// a loop device over that file. It outlives blockplugd, whose next life adopts it.
//
//   raise:  [directory → qemu-storage-daemon] → throttle group → node → FUSE export → loop device, each only where it is missing
//           stale: block_resize to exactly what the image has and loop-resize; limits live; other access: all anew
//   lower:  loop device proven gone → export gone → node, group → quit → process proven gone → directory
//           (an export can be deleted under a loop device without any error, so never in another order)
//   a storage daemon that has died: Partial; what it left is cleared away (loop device, dead mount, directory) by either
//   one that does not answer: Unknown; it is waited for, and never a second one is started
//
// Needs from below what its NodeSource needs. Facts: as Mapper says, with the storage daemon's process. Nothing here asks the
// FUSE file: blockplug-helper does. Made by the composition root; calls come on any worker thread, one at a time per volume.
#include <filesystem>
#include <string>

#include "ceph/map/fuse_loop.h"
#include "ceph/map/mapper.h"
#include "ceph/map/storage_daemon.h"
#include "ceph/place.h"
#include "hotplug/helper/helper.h"
#include "hotplug/udev/block_events.h"
#include "hotplug/vm/node_source.h"
#include "hotplug/vm/process_watch.h"

namespace blockplug::rbd {

inline std::int64_t wished_bytes(const Call& call) { return call.spec.size_bytes / 512 * 512; }  // the kernel drops the rest, too
inline Waiting when_it_answers(const std::string& why) { return {why, Clock::now() + std::chrono::seconds(5)}; }

class FuseMap final : public Mapper {
 public:
  struct Parts {
    Place place;
    NodeSource& source;
    Helper& helper;
    BlockEvents& events;
    ProcessWatch& processes;
    std::string owner;              // which daemon of ours this is, as for LoopMap
    std::filesystem::path run_dir;  // directories of storage daemons are below run_dir/maps; it must outlive this process
    std::string program = "qemu-storage-daemon";
  };
  explicit FuseMap(Parts parts);

  const char* name() const override { return "fuse"; }
  std::optional<std::string> unfit(const Call& call, const Header& header) override;
  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  std::vector<Found> survey() override;

 private:
  // What there is of a volume's mapping.
  struct Sight {
    FuseHome home;
    StorageDaemon::Reached reached;
    StorageDaemon::State state;
    std::vector<FuseLoop> loops;
    bool is_here() const { return reached.kind == StorageDaemon::Reached::Kind::Here; }
    bool is_silent() const { return reached.kind == StorageDaemon::Reached::Kind::Silent; }
    StorageDaemon& daemon() const { return *reached.daemon; }
  };
  Sight look(const Call& call, StorageDaemon::Detail wanted) const;  // less where the cluster does not answer
  bool is_beyond_repair(const Call& call, const Sight& sight) const;
  std::string flaw_of(const Call& call, const Sight& sight) const;
  Facts facts_of(const Sight& sight) const;

  Attempt complete(const Call& call, Sight& sight);
  Status begin(const Call& call, Sight& sight);
  Status open(const Call& call, Sight& sight, const std::optional<NodeRecipe>& recipe);
  Status show(const Call& call, Sight& sight);
  Attempt clear(const Call& call, const Sight& sight);
  Attempt unmap(const Call& call, const Sight& sight);
  Status close(const Call& call, StorageDaemon& daemon);
  Result<Facts> run(const Call& call, const std::string& verb, const Sight& sight, Facts arguments, const std::string& what);

  const Parts parts_;
  const std::filesystem::path maps_;
};

}  // namespace blockplug::rbd
