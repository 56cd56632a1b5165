// SPDX-License-Identifier: Apache-2.0
#pragma once
// Plug: the guest gets the disk. scsi-hd where the VM has a virtio-scsi controller, else virtio-blk-pci on a free root port.
//
//   raise:  device_add; a place taken by a stranger meanwhile: read again, take another
//   lower:  device_del (only asks) → Waiting ··· DEVICE_DELETED touches the volume ··· lower again → DeviceNotFound → Done
//
// A virtio-blk disk is not asked back while its guest still boots: asked too early, QEMU 7.2 never asks again. Owned by the
// composition root; stateless, runs on worker threads. It unmounts nothing: the guest lets go of a mounted disk too.
#include "attach-detach/rung.h"
#include "hotplug/vm/reach.h"

namespace blockplug {

class Plug : public Rung {
 public:
  Plug(const Vms& vms, std::string backend);  // survey finds this backend's volumes only
  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  std::vector<Found> survey() override;

 private:
  const Vms& vms_;
  const std::string backend_;
};

}  // namespace blockplug
