// SPDX-License-Identifier: Apache-2.0
#pragma once
// Plug: adds the disk to the guest. scsi-hd if the VM has a virtio-scsi controller, else virtio-blk-pci on a free root port.
//
//   raise:  device_add; if another client took the slot: read the inventory again, use another slot
//   lower:  device_del (only asks) → Waiting ··· DEVICE_DELETED touches the volume ··· lower again → DeviceNotFound → Done
//
// A virtio-blk disk is not unplugged while its guest is booting: after a request that is too early, QEMU 7.2 never asks again.
// Owned by the composition root; stateless, runs on worker threads. It unmounts nothing: a guest releases a mounted disk too.
#include "attach-detach/rung.h"
#include "hotplug/vm/reach.h"

namespace blockplug {

class Plug : public Rung {
 public:
  Plug(const Vms& vms, std::string backend);  // survey finds only this backend's volumes
  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  Survey survey(Time deadline) override;

 private:
  static Attempt release(const Call& call, const Reach& reached, const Inventory& inventory);

  const Vms& vms_;
  const std::string backend_;
};

}  // namespace blockplug
