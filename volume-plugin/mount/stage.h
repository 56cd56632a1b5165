// SPDX-License-Identifier: Apache-2.0
#pragma once
// Stage: the file system of a mapped device, mounted once; publishes bind from there.
//
//   raise:  stage (look, fsck where not clean, grow, mount) ──"blank"──▶ record never → formatting → format → formatted → stage
//           up with a smaller file system than wished: grow, live
//   lower:  umount, then the directory that we made goes; busy is waited for, saying who
//   probe:  the mount table alone
//
// A device that is not positively blank, or whose volume was formatted before, is never formatted. A read-only wish neither
// formats, nor repairs, nor replays a journal: a dirty file system is refused. Needs from below: "map.device", "map.number",
// "map.size_bytes". Facts: "path", "number", "device", "filesystem", "uuid", "size_bytes" (of the device that it was grown to).
// Owned by the composition root; stateless, runs on worker threads; everything that touches the device runs in the
// helper.
#include <string>

#include "attach-detach/rung.h"
#include "hotplug/format_records.h"
#include "hotplug/helper/helper.h"
#include "volume-plugin/mount/mount_watch.h"

namespace blockplug::mount {

class Stage : public Rung {
 public:
  struct Parts {
    Helper& helper;
    FormatRecords& records;
    MountWatch& watch;
    Rung& map;              // whose survey tells which devices are ours
    std::string directory;  // where mounts go that nobody gave a place: <directory>/<backend>/<name>
  };
  explicit Stage(Parts parts) : parts_(std::move(parts)) {}
  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  std::vector<Found> survey() override;

 private:
  Result<std::string> path_of(const Call& call) const;
  Result<Facts> stage(const Call& call) const;
  Result<Facts> run_stage(const Call& call, const std::string& path, const FormatRecord& record) const;
  Result<FormatRecord> format(const Call& call, const FormatRecord& before, const Facts& wanted) const;
  Result<Facts> run(const Call& call, const std::string& verb, Facts arguments, const std::string& what) const;
  Finding judge(const Call& call, const std::string& path) const;

  const Parts parts_;
};

}  // namespace blockplug::mount
