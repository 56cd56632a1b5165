// SPDX-License-Identifier: Apache-2.0
#pragma once
// Volumes as text for people. Pure functions; an empty list gives an empty text.
#include <string>

#include "attach-detach/outcome.h"
#include "volume-plugin/admin/admin.pb.h"

namespace blockplug::cli {

namespace v1 = blockplug::admin::v1;

std::string volumes_text(const v1::ListVolumesResponse& response, WallClock::time_point now);

// One volume and its attachments.
std::string volume_text(const v1::Volume& volume, WallClock::time_point now);

// "500 iops, 10MiB per second"; empty: not limited.
std::string limits_text(const v1::Volume& volume);

// "node n1, vm:web-0, read-write, since 2026-05-01T10:00:00Z, 3m ago, client 192.0.2.7:0/12"
std::string holder_text(const v1::Holder& holder, WallClock::time_point now);

// After a change of size or limits: "; node n1, which holds it, applies this within 15 s". Empty: no other node holds it.
std::string elsewhere_text(const v1::Volume& volume);

// "ceph/a is fenced; permanently blocklisted: 192.0.2.7:0/12", one line.
std::string fenced_text(const std::string& volume, const v1::FenceVolumeResponse& response);

// "ceph/a: cancelled: order 7 (resize)", one line.
std::string cancelled_text(const std::string& volume, const v1::CancelOrdersResponse& response);

}  // namespace blockplug::cli
