// SPDX-License-Identifier: Apache-2.0
#pragma once
// Attachments as text for people. Pure functions; an empty list gives an empty text.
#include <string>

#include "attach-detach/outcome.h"
#include "volume-plugin/admin/admin.pb.h"

namespace blockplug::cli {

namespace v1 = blockplug::admin::v1;

std::string attachments_text(const v1::ListAttachmentsResponse& response, WallClock::time_point now);

// One attachment in full, without its rungs (`explain` shows those).
std::string attachment_text(const v1::Attachment& attachment, WallClock::time_point now);

// "local/data is attached to vm:web-0, read-write, as device virtio3"; with the path that was asked for (else empty) and how it is
// there: "local/data is attached to host at /srv/data, read-only, as device /dev/loop3".
std::string attached_text(const v1::Attachment& attachment, const std::string& asked_path);

// "/srv/data, read-only", "/srv/raw, as a block device"
std::string path_text(const v1::Path& path);

// "vm:web-0: attached, plug up, read-write, device virtio3", "host: …, device /dev/loop3, at /srv/data, /srv/copy (ro)"
std::string where_and_how(const v1::Attachment& attachment);

// "local/data at vm:web-0: waiting, open up: no free hot-plug slot". On one line; without a line break.
std::string event_text(const v1::WatchEvent& event);

// "stuck, to be detached": the actual state, and the desired one where it differs.
std::string state_and_desired(const v1::Attachment& attachment);

}  // namespace blockplug::cli
