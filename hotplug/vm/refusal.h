// SPDX-License-Identifier: Apache-2.0
#pragma once
// Classifies QEMU's refusals. The class is nearly always GenericError, so the text decides; all known texts are in one table, in
// refusal.cc. Pure.
#include <cstdint>
#include <string_view>

#include "attach-detach/outcome.h"

namespace blockplug {

enum class Refusal : std::uint8_t {
  None,          // not a refusal by QEMU, or an unknown one: final
  AlreadyThere,  // a node, object or device of this name exists
  Gone,          // what was to be removed does not exist
  InUse,         // still in use: a node by a device, a group by a node
  Unplugging,    // already asked, or the guest is busy with the slot
  PlaceTaken,    // port or SCSI id in use: read the inventory again, use another
  NodeMissing,   // the device's block node does not exist
  NodeTaken,     // another device uses the node
  Migrating,
  NoRoom,     // the VM lacks a resource
  Transient,  // a retry may help
};

Refusal refusal_of(std::string_view command, const Error& error);

// The rung's error for a refusal that it does not handle: final ones keep effect None and FailedPrecondition or NotFound.
Error to_error(std::string_view command, Refusal refusal, Error error);

}  // namespace blockplug
