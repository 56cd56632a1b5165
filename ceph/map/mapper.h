// SPDX-License-Identifier: Apache-2.0
#pragma once
// One way of making a block device of an RBD image on this host: a rung that RbdMap chooses among. Up and Stale findings and Done
// carry the facts "mapper" (its name), "device" ("/dev/rbd0"), "number" ("251:0"), "size_bytes", and who its client is, for Own: either
// "client" (the address, where it can be told) or the process that opened the image (see put_facts in hotplug/vm/process.h).
#include <optional>
#include <string>

#include "attach-detach/rung.h"
#include "ceph/header.h"

namespace blockplug::rbd {

class Mapper : public Rung {
 public:
  virtual const char* name() const = 0;  // "krbd"
  // Why it cannot map this image on this host, and what to do; nullopt: it can. Asks nothing that may hang.
  virtual std::optional<std::string> unfit(const Call& call, const Header& header) = 0;
};

}  // namespace blockplug::rbd
