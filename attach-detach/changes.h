// SPDX-License-Identifier: Apache-2.0
#pragma once
// Records as changes for the store.
#include "attach-detach/planner.h"
#include "attach-detach/store.h"

namespace blockplug {

Change put_attachment(const Attachment& attachment);
Change put_rung(const AttachmentKey& key, const RungId& id, const RungRecord& record);  // ForgetRung where nothing is to be kept
// The whole volume anew, whatever the store has of it.
Changes everything_of(const Volume& volume);
// While a step runs: all but what that step keeps itself, or is being written down for it. It takes nothing out of the store.
Changes everything_beside(const Volume& volume, const Step& running);

}  // namespace blockplug
