// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a refusal of QEMU means. The class is nearly always GenericError, so the text decides; every text that is known stands in
// one table here and nowhere else. Pure.
#include <cstdint>
#include <string_view>

#include "attach-detach/outcome.h"

namespace blockplug {

enum class Refusal : std::uint8_t {
  None,          // not a refusal of QEMU's, or one that is not known: final
  AlreadyThere,  // a node, object or device of this name exists
  Gone,          // what was to go is not there
  InUse,         // something still uses it: the device a node, the node a group
  Unplugging,    // asked already, or the guest is busy with the slot
  PlaceTaken,    // port, SCSI id: read again, take another
  NodeMissing,   // the block node that a device was to have
  NodeTaken,     // another device has the node
  Migrating,
  NoRoom,     // not enough of something in the VM
  Transient,  // may go away by itself
};

Refusal refusal_of(std::string_view command, const Error& error);

// As the rung's error when nothing better is known to do: final ones keep effect None and FailedPrecondition or NotFound.
Error to_error(std::string_view command, Refusal refusal, Error error);

}  // namespace blockplug
