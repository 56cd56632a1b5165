// SPDX-License-Identifier: Apache-2.0
#pragma once
// A disk plugged by nothing but the QMP commands that it takes, on a monitor of its own: what the daemon is measured against.
#include <memory>
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug::bench {

enum class Bus : std::uint8_t { Scsi, VirtioBlk };
const char* to_text(Bus bus);  // as pod-vm calls it

class BareDisk {
 public:
  static Result<std::unique_ptr<BareDisk>> connect(const std::string& monitor, Bus bus, std::string file);
  ~BareDisk();
  Status attach();  // object-add, blockdev-add, device_add
  Status detach();  // device_del, its event, blockdev-del, object-del

 private:
  struct Connection;
  BareDisk(std::unique_ptr<Connection> connection, Bus bus, std::string file);
  Status execute(const char* command, const std::string& arguments_json);
  std::unique_ptr<Connection> connection_;
  Bus bus_;
  std::string file_;
};

}  // namespace blockplug::bench
