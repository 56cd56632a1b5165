// SPDX-License-Identifier: Apache-2.0
// Messages of QEMU 7.2.
#include "hotplug/vm/refusal.h"

#include <gtest/gtest.h>

#include <vector>

namespace blockplug {
namespace {

TEST(Refusal, IsKnownByCommandAndText) {
  struct Row {
    const char* command;
    Code code;
    const char* text;
    Refusal meaning;
    Code told;
  };
  using enum Refusal;
  constexpr Code kFinal = Code::FailedPrecondition;
  const std::vector<Row> rows{
      {"blockdev-add", kFinal, "Duplicate nodes with node-name='v1'", AlreadyThere, kFinal},
      {"blockdev-add", kFinal, "error opening pool P: No such file or directory", None, Code::NotFound},
      {"blockdev-add", kFinal, "error connecting: Connection timed out", Transient, Code::Unavailable},
      {"blockdev-add", kFinal, "error connecting: Invalid argument", None, kFinal},
      {"blockdev-add", kFinal, "Parameter 'foo' is unexpected", None, kFinal},
      {"object-add", kFinal, "attempt to add duplicate property 's' to object (type 'container')", AlreadyThere, kFinal},
      {"object-del", kFinal, "object 's' not found", Gone, kFinal},
      {"object-del", kFinal, "object 'tg1' is in use, can not be deleted", InUse, kFinal},
      {"device_add", kFinal, "Duplicate device ID 'd'", AlreadyThere, kFinal},
      {"device_add", kFinal, "PCI: slot 0 function 0 not available for virtio-blk-pci, in use by virtio-blk-pci,id=d1", PlaceTaken,
       Code::Unavailable},
      {"device_add", kFinal, "lun already used by 'd2'", PlaceTaken, Code::Unavailable},
      {"device_add", kFinal, "Bus 'b' not found", None, kFinal},
      {"device_add", kFinal, "Property 'virtio-blk-device.drive' can't find value 'v'", NodeMissing, Code::Unavailable},
      {"device_add", kFinal, "Permission conflict on node 'v': permissions 'write' are both required by x and y", NodeTaken,
       kFinal},
      {"device_add", kFinal, "device_add not allowed while migrating", Migrating, kFinal},
      {"device_del", Code::NotFound, "Device 'd' not found", Gone, Code::NotFound},
      {"device_del", kFinal, "Device d1 is already in the process of unplug", Unplugging, kFinal},
      {"device_del", kFinal, "Hot-unplug failed: guest is busy (power indicator blinking)", Unplugging, kFinal},
      {"blockdev-del", kFinal, "Failed to find node with node-name='v'", Gone, kFinal},
      {"blockdev-del", kFinal, "Node v is in use", InUse, kFinal},
      {"blockdev-del", kFinal, "Block device v is in use", InUse, kFinal},
      {"block_resize", kFinal, "Failed to resize file: Cannot send after transport endpoint shutdown", None, kFinal},
  };
  for (const auto& row : rows) {
    const Error error = no_effect(row.code, row.text);
    EXPECT_EQ(refusal_of(row.command, error), row.meaning) << row.text;
    const Error told = to_error(row.command, row.meaning, error);
    EXPECT_EQ(told.code, row.told) << row.text;
    EXPECT_EQ(told.effect, Effect::None);
    EXPECT_EQ(told.message, std::string(row.command) + ": " + row.text);
  }
}

TEST(Refusal, IsNothingThatTheConnectionSays) {
  for (const Error& error : {maybe_effect(Code::DeadlineExceeded, "blockdev-add: no reply in time"),
                             maybe_effect(Code::Unavailable, "device_del: unanswered: is in use"),
                             no_effect(Code::Unavailable, "object-del: not sent: not found")}) {
    EXPECT_EQ(refusal_of("object-del", error), Refusal::None);
    EXPECT_EQ(to_error("object-del", Refusal::None, error), error);
  }
}

}  // namespace
}  // namespace blockplug
