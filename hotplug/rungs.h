// SPDX-License-Identifier: Apache-2.0
#pragma once
// The ids of the rungs that several backends use. An id is a text that is stored and shown to people; the core knows none of them,
// and a rung of a single backend has its id beside its class.
#include "attach-detach/rung.h"

namespace blockplug::rungs {

inline const RungKind kHandOver{"hand-over"};  // a host path says where the guest has the volume
inline const RungKind kHold{"hold"};           // the image is ours
inline const RungKind kMap{"map"};             // it is a block device of this host
inline const RungKind kOpen{"open"};           // it is a block node in QEMU
inline const RungKind kOwn{"own"};             // the hold says which client has it open
inline const RungKind kPlug{"plug"};           // it is a disk of the guest
inline const RungKind kStage{"stage"};         // its file system is mounted once on this host

// Leaves.
inline const RungKind kPublish{"publish"};         // bound to a path of this host
inline const RungKind kGuestMount{"guest-mount"};  // mounted at a path of the guest

}  // namespace blockplug::rungs
