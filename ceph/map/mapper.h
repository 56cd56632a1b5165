// SPDX-License-Identifier: Apache-2.0
#pragma once
// One way of making a block device of an RBD image on this host: a rung that RbdMap chooses among. Up and Stale findings and Done
// carry the facts "device.mapper" (its name), "device.path" ("/dev/rbd0"), "device.number" ("251:0"), "device.size_bytes",
// "device.can_limit" ("true", where limits of iops and bytes per second reach it, also later; the door asks before it changes
// them), and who its client is, for Own: either "device.client" (the address, where it can be told) or the process that opened the
// image (see put_facts in hotplug/host/process/process.h).
#include <optional>
#include <string>

#include "attach-detach/rung.h"
#include "ceph/header.h"

namespace blockplug::rbd {

class Mapper : public Rung {
 public:
  virtual const char* name() const = 0;  // "krbd"
  // Why it cannot map this image on this host, and what to do; nullopt: it can. Does no I/O that may block.
  virtual std::optional<std::string> unfit(const Call& call, const Header& header) = 0;
  // How many images may be below a clone; nullopt: any number.
  virtual std::optional<int> most_ancestors() const { return std::nullopt; }
};

}  // namespace blockplug::rbd
