// SPDX-License-Identifier: Apache-2.0
#pragma once
// Stage: mounts the file system of a mapped device once; Publish binds from there.
//
//   raise:  stage (check, fsck if not clean, grow, mount) ──"blank"──▶ record never → formatting → format → formatted → stage
//           up, but the file system is smaller than desired: grow it online
//           In our own directory the way to it is open to nobody else: the file system is a tenant's, with any setuid program.
//   lower:  umount, then remove the directory that we created; waits while it is busy, naming the user
//   probe:  reads only the mount table
//
// The volume's limits do not apply to mkfs: nothing uses the device yet. If the daemon dies then, Map's probe sees the difference.
//
// A device that is not positively blank, or whose volume was formatted before, is never formatted. A read-only desired state
// neither formats, nor repairs, nor replays a journal: a dirty file system is refused. Needs from below: "device.path",
// "device.number". Facts: "mount.path", "mount.number", "mount.device", "mount.filesystem", "mount.uuid", "mount.size_bytes" (of
// the device that it was grown to). Owned by the composition root; stateless, runs on worker threads; everything that touches the
// device runs in the helper.
#include <string>

#include "attach-detach/rung.h"
#include "hotplug/device_limits.h"
#include "hotplug/format_records.h"
#include "hotplug/host/helper/helper.h"
#include "hotplug/host/mount/mount_watch.h"

namespace blockplug::mount {

class Stage : public Rung {
 public:
  struct Parts {
    Helper& helper;
    FormatRecords& records;
    MountWatch& watch;
    Rung& map;              // its survey finds the devices that are ours
    DeviceLimits* limits;   // of those devices; nullptr: they have none
    std::string directory;  // default place of mounts: <directory>/<backend>/<name>
  };
  explicit Stage(Parts parts) : parts_(std::move(parts)) {}
  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  Survey survey(Time deadline) override;

 private:
  Result<Facts> stage(const Call& call) const;
  Result<Facts> run_stage(const Call& call, const std::string& path, const FormatRecord& record) const;
  Result<FormatRecord> format(const Call& call, const FormatRecord& before, const Facts& wanted) const;
  bool has_limits(const Call& call) const;
  Result<Facts> run(const Call& call, const std::string& verb, Facts arguments, const std::string& what) const;
  Finding judge(const Call& call, const std::string& path) const;
  Result<std::string> path_of(const Call& call) const;
  enum class Limits : std::uint8_t { Applied, Lifted };
  Status put_limits(const Call& call, Limits limits) const;

  const Parts parts_;
};

}  // namespace blockplug::mount
