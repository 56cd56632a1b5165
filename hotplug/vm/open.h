// SPDX-License-Identifier: Apache-2.0
#pragma once
// Open: the volume's block node in the VM's QEMU: a throttle filter over the node of NodeSource, in one blockdev-add. The throttle
// group exists even without limits, so that limits can be set later, and its id identifies the volume.
//
//   raise:  object-add throttle-group → [object-add secret | add-fd] → blockdev-add throttle{rbd|file} → [object-del secret]
//           stale: block_resize (never below the image's size), limits by qom-set
//   lower:  blockdev-del → [remove-fd] → object-del throttle-group
//
// Owned by the composition root; stateless, runs on worker threads. The guest sees nothing of it until Plug.
#include "attach-detach/rung.h"
#include "hotplug/vm/node_source.h"
#include "hotplug/vm/reach.h"

namespace blockplug {

class Open : public Rung {
 public:
  Open(const Vms& vms, NodeSource& source, std::string backend);  // survey finds only this backend's volumes
  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  Survey survey(Time deadline) override;

 private:
  Attempt open(const Call& call, Vm& vm);
  Status add_group(const Call& call, Vm& vm, const Inventory& inventory);
  Status add_node(const Call& call, Vm& vm, const NodeRecipe& recipe);
  Status pass_descriptor(const Call& call, Vm& vm, const NodeRecipe& recipe);
  Attempt adopt(const Call& call, Vm& vm, const Inventory& inventory);
  Status resize(const Call& call, Vm& vm);
  Status let_trim_pass(const Call& call, Vm& vm);
  Status set_limits(const Call& call, Vm& vm);
  Status drop_unused_group(const Call& call, Vm& vm);
  Status drop_leftovers(const Call& call, Vm& vm);
  Status drop_descriptors(const Call& call, Vm& vm);
  Status drop_secret(const Call& call, Vm& vm);

  const Vms& vms_;
  NodeSource& source_;
  const std::string backend_;
};

}  // namespace blockplug
