// SPDX-License-Identifier: Apache-2.0
#pragma once
// Map by the kernel's RBD client: one client per mapping (noshare), so that it can be fenced alone; its key is in the kernel's
// keyring; read-only if desired; grown with the image.
//
//   raise:  no device of ours for the held image → "about to open" in the hold → krbd-map → wait for udev; ours and too small →
//           krbd-refresh; ours for another image, with another access, or a second one → krbd-unmap first
//   lower:  krbd-unmap of every device with our marker, never by force; waits while one is in use, naming the user
//   probe:  Up only if a device with our marker maps the held image. Reads only /sys.
//
// The marker is the name of the mapping's key, which /sys shows. Mappings of the same image by others are left alone.
// Needs from below: "image.id" and where the image is (image_ref.h). Facts: "device.mapper", "device.path" "/dev/rbd0",
// "device.number" "251:0", "device.size_bytes", "device.client".
// Owned by the composition root; runs on worker threads, one call at a time per volume.
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "attach-detach/shared_readings.h"
#include "ceph/cluster.h"
#include "ceph/map/krbd_devices.h"
#include "ceph/map/mapper.h"
#include "ceph/place.h"
#include "ceph/rbd_source.h"
#include "hotplug/host/helper/helper.h"
#include "hotplug/host/udev/block_events.h"

namespace blockplug::rbd {

class KrbdMap final : public Mapper {
 public:
  struct Parts {
    Cluster& cluster;
    Place place;
    RbdSource& source;
    Helper& helper;
    BlockEvents& events;
    std::string owner;                            // identifies this daemon in the marker: its node and its state_dir
    std::chrono::milliseconds osd_op_timeout{0};  // of the device's own operations; 0: no limit
    std::string sysfs{"/sys"};
  };
  explicit KrbdMap(Parts parts) : parts_(std::move(parts)) {}
  const char* name() const override { return "krbd"; }
  std::optional<std::string> unfit(const Call& call, const Header& header) override;
  std::optional<int> most_ancestors() const override { return 16; }  // RBD_MAX_PARENT_CHAIN_LEN of the kernel's drivers/block/rbd.c

  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  Survey survey(Time deadline) override;

 private:
  std::string mark_of(const VolumeId& volume) const;
  std::string image_of(const KrbdDevice& device) const;
  std::string flaw_of(const KrbdDevice& device, const Call& call) const;
  Result<std::optional<VolumeId>> volume_of(const KrbdDevice& device);
  bool is_held_image(const KrbdDevice& device, const Call& call) const;
  std::vector<KrbdDevice> ours(const Call& call, std::vector<KrbdDevice> devices) const;
  Finding not_there(const Call& call) const;
  std::string load_module(const Call& call);
  Result<Facts> run(const Call& call, const std::string& verb, Facts arguments, const std::string& what);
  Result<Facts> unmap(const Call& call, const KrbdDevice& device);
  Result<Facts> desired_of(const Call& call);
  Result<KrbdDevice> map(const Call& call);
  Result<KrbdDevice> grow(const Call& call, const KrbdDevice& device);

  const Parts parts_;
  SharedReadings<std::monostate, std::vector<KrbdDevice>> readings_;  // what is mapped, for probes
  std::mutex module_mutex_;                                           // held while the module is being loaded
  bool was_loaded_{};                                                 // loading was tried, successfully or not: once only
};

}  // namespace blockplug::rbd
