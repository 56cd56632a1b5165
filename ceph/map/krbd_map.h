// SPDX-License-Identifier: Apache-2.0
#pragma once
// Map by the kernel's own RBD client: one client for each mapping (noshare), so that it can be shut out alone, its key in the
// kernel's keyring, read-only where so wished, grown with the image.
//
//   raise:  none of ours of the held image → "about to open" in the hold → krbd-map → udev has done with it; ours and too small →
//           krbd-refresh; ours of another image, with another access, or a second one → krbd-unmap first
//   lower:  krbd-unmap of whatever carries our mark, never by force; "still in use" is waited for, naming who
//   probe:  Up only where a device of our mark is the image below. It asks /sys alone.
//
// The mark is the name of the mapping's key, which /sys shows. A mapping that others made of the same image is left alone.
// Needs from below: "hold.image", "hold.id". Facts: "mapper", "device" "/dev/rbd0", "number" "251:0", "size_bytes", "client".
// Owned by the composition root; runs on worker threads, one call at a time per volume.
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ceph/cluster.h"
#include "ceph/map/krbd_devices.h"
#include "ceph/map/mapper.h"
#include "ceph/place.h"
#include "ceph/rbd_source.h"
#include "hotplug/helper/helper.h"
#include "hotplug/udev/block_events.h"

namespace blockplug::rbd {

class KrbdMap final : public Mapper {
 public:
  struct Parts {
    Cluster& cluster;
    Place place;
    RbdSource& source;
    Helper& helper;
    BlockEvents& events;
    std::string owner;                            // which daemon this is, for the mark: its node and its state_dir
    std::chrono::milliseconds osd_op_timeout{0};  // of the device's own operations; 0: they wait for ever
    std::string sysfs{"/sys"};
  };
  explicit KrbdMap(Parts parts) : parts_(std::move(parts)) {}
  const char* name() const override { return "krbd"; }
  std::optional<std::string> unfit(const Call& call, const Header& header) override;

  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  std::vector<Found> survey() override;

 private:
  std::string mark_of(const VolumeId& volume) const;
  std::string image_of(const KrbdDevice& device) const;
  std::string flaw_of(const KrbdDevice& device, const Call& call) const;
  bool is_held_image(const KrbdDevice& device, const Call& call) const;
  std::vector<KrbdDevice> ours(const Call& call) const;
  Finding not_there(const Call& call) const;
  std::string load_module(const Call& call);
  Result<Facts> run(const Call& call, const std::string& verb, Facts arguments, const std::string& what);
  Result<Facts> unmap(const Call& call, const KrbdDevice& device);
  Result<Facts> wish_of(const Call& call);
  Result<KrbdDevice> map(const Call& call);
  Result<KrbdDevice> grow(const Call& call, const KrbdDevice& device);

  const Parts parts_;
  std::mutex module_mutex_;  // whoever comes while it is loaded waits for that
  bool was_loaded_{};        // or could not be: it is tried once
};

}  // namespace blockplug::rbd
