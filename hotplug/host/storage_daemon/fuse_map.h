// SPDX-License-Identifier: Apache-2.0
#pragma once
// Map without a kernel module for the storage: one qemu-storage-daemon per volume, which opens the image by its NodeSource and
// exports it as a file by FUSE, and a loop device over that file. It outlives blockplugd; a restarted blockplugd adopts it.
//
//   raise:  [directory → qemu-storage-daemon] → throttle group → node → FUSE export → loop device, each only if it is missing
//           stale: block_resize to exactly the image's size and loop-resize; limits are changed live; other access: rebuilt
//   lower:  loop device verifiably gone → export gone → node, group → quit → process verifiably gone → directory
//           (an export can be deleted under a loop device without any error, so never in another order)
//   a storage daemon that has died: Partial; raise or lower removes its loop device, dead mount and directory
//   a storage daemon that does not answer: Unknown; waits for it and never starts a second one
//
// Needs from below what its NodeSource needs. Facts: "device.mapper", "device.path" "/dev/loop3", "device.number" "7:3",
// "device.size_bytes", "device.can_limit", and the storage daemon's process. Nothing here asks the FUSE file: blockplug-helper
// does. Made by the composition root; calls come on any worker thread, one at a time per volume.
#include <filesystem>
#include <string>

#include "hotplug/device_limits.h"
#include "hotplug/host/helper/helper.h"
#include "hotplug/host/process/process_watch.h"
#include "hotplug/host/storage_daemon/fuse_loop.h"
#include "hotplug/host/storage_daemon/storage_daemon.h"
#include "hotplug/host/udev/block_events.h"
#include "hotplug/vm/node_source.h"

namespace blockplug::fuse {

inline std::int64_t desired_bytes(const Call& call) {
  return call.spec.size_bytes / 512 * 512;
}  // the kernel ignores a partial sector too
inline Waiting when_it_answers(const std::string& why) { return {why, Clock::now() + std::chrono::seconds(5)}; }

class FuseMap final : public Rung, public DeviceLimits {
 public:
  struct Parts {
    std::string backend;  // the backend's name in the configuration
    NodeSource& source;
    Helper& helper;
    BlockEvents& events;
    ProcessWatch& processes;
    std::string owner;              // identifies this daemon, as in LoopMap
    std::filesystem::path run_dir;  // storage daemons' directories are in run_dir/maps, which must outlive this process
    std::string program = "qemu-storage-daemon";
    std::string launcher{};  // the socket of the launcher that starts it; empty: a child of this process does
  };
  explicit FuseMap(Parts parts);

  static constexpr const char* kName = "fuse";  // fact "device.mapper" of what it has mapped
  // What this host lacks, and what to do; nullopt: nothing. Asks nothing that may hang.
  std::optional<std::string> lack() const;
  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  Survey survey(Time deadline) override;
  Status put_limits(const Call& call, const Spec& spec) override;

 private:
  // The parts of a volume's mapping that exist.
  struct Sight {
    FuseHome home;
    StorageDaemon::Reached reached;
    StorageDaemon::State state;
    std::vector<FuseLoop> loops;
    bool is_here() const { return reached.kind == StorageDaemon::Reached::Kind::Here; }
    bool is_silent() const { return reached.kind == StorageDaemon::Reached::Kind::Silent; }
    StorageDaemon& daemon() const { return *reached.daemon; }
  };
  Sight look(const Call& call, StorageDaemon::Detail wanted) const;  // with less detail if the storage does not answer
  bool is_beyond_repair(const Call& call, const Sight& sight) const;
  static bool may_mix_up_writes(const Sight& sight);
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

}  // namespace blockplug::fuse
