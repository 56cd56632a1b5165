// SPDX-License-Identifier: Apache-2.0
#pragma once
// Plugs a disk with only the necessary QMP commands, on a separate monitor: the baseline for the daemon.
#include <memory>
#include <string>

#include "attach-detach/outcome.h"
#include "hotplug/vm/node_source.h"

namespace blockplug::bench {

enum class Bus : std::uint8_t { Scsi, VirtioBlk };
const char* to_text(Bus bus);  // as pod-vm calls it

NodeRecipe recipe_of(const std::string& file);  // a raw file, as the daemon opens one

class BareDisk {
 public:
  static Result<std::unique_ptr<BareDisk>> connect(const std::string& monitor, Bus bus, NodeRecipe recipe);
  ~BareDisk();
  Status attach();  // object-add, blockdev-add, object-del of what only that needed, device_add
  Status detach();  // device_del, its event, blockdev-del, object-del

 private:
  struct Connection;
  BareDisk(std::unique_ptr<Connection> connection, Bus bus, NodeRecipe recipe);
  Status execute(const char* command, const std::string& arguments_json);
  std::unique_ptr<Connection> connection_;
  Bus bus_;
  NodeRecipe recipe_;
};

}  // namespace blockplug::bench
