// SPDX-License-Identifier: Apache-2.0
#pragma once
// The device that is meant, and no other: every open is checked against the number that the rung below recorded. Free functions.
#include <cstdint>
#include <string>

#include "attach-detach/outcome.h"
#include "hotplug/qmp/file_descriptor.h"

namespace blockplug::mount {
using qmp::FileDescriptor;

// FailedPrecondition: it is no block device or has another number, or (with O_EXCL) somebody uses it.
Result<FileDescriptor> open_device(const std::string& path, const std::string& number, int flags);
Result<std::int64_t> size_of_device(int fd);
Result<bool> is_device_read_only(int fd);

std::string number_text(unsigned major, unsigned minor);   // "7:3"
Error system_refused(const std::string& what, int error);  // "cannot <what>: <errno's words>"; a code by errno

}  // namespace blockplug::mount
