// SPDX-License-Identifier: Apache-2.0
#pragma once
// Open: the volume's block node inside the VM's QEMU, a throttle filter over what NodeSource says, in one blockdev-add. Its
// throttle group is there even without limits, so that limits can come later, and its id says which volume it is.
//
//   raise:  object-add throttle-group → [object-add secret] → blockdev-add throttle{file|rbd} → [object-del secret]
//           stale: block_resize (never below what the image has), limits by qom-set
//   lower:  blockdev-del → object-del throttle-group
//
// Owned by the composition root; stateless, runs on worker threads. It gives the guest nothing: that is Plug.
#include "attach-detach/rung.h"
#include "hotplug/vm/node_source.h"
#include "hotplug/vm/reach.h"

namespace blockplug {

class Open : public Rung {
 public:
  Open(const Vms& vms, NodeSource& source, std::string backend);  // survey finds this backend's volumes only
  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  std::vector<Found> survey() override;

 private:
  Attempt open(const Call& call, Vm& vm);
  Attempt adopt(const Call& call, Vm& vm, const Inventory& inventory);
  Status add_group(const Call& call, Vm& vm, const Inventory& inventory);
  Status drop_secret(const Call& call, Vm& vm);
  Status drop_unused_group(const Call& call, Vm& vm);
  Status set_limits(const Call& call, Vm& vm);
  Status add_node(const Call& call, Vm& vm, const NodeRecipe& recipe);
  Status resize(const Call& call, Vm& vm);

  const Vms& vms_;
  NodeSource& source_;
  const std::string backend_;
};

}  // namespace blockplug
