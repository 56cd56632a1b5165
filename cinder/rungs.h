// SPDX-License-Identifier: Apache-2.0
#pragma once
// The ids of the rungs of Cinder volumes, and the names of their facts.
#include "attach-detach/rung.h"

namespace blockplug::cinder {

inline const RungKind kReserve{"reserve"};  // Cinder has an attachment of ours (POST)
inline const RungKind kConnect{"connect"};  // it told which image that is (PUT)
inline const RungKind kConfirm{"confirm"};  // it knows that the volume is in use (os-complete)

inline constexpr const char* kAttachmentFact = "cinder.attachment";  // its id
inline constexpr const char* kProjectFact = "cinder.project";        // whose volume it is
inline constexpr const char* kTaggedFact = "cinder.tagged";          // "true": the volume's metadata says whose the attachment is
inline constexpr const char* kAskedFact =
    "cinder.asked_at";  // seconds since 1970 when a POST was begun whose end is unknown; empty: none

}  // namespace blockplug::cinder
