// SPDX-License-Identifier: Apache-2.0
#pragma once
// Opens exactly the expected device: every open is checked against the number that the rung below has recorded. Free functions.
#include <cstdint>
#include <string>

#include "attach-detach/outcome.h"
#include "hotplug/host/file_descriptor.h"

namespace blockplug::mount {

// FailedPrecondition: not a block device, another number, or (with O_EXCL) in use.
Result<FileDescriptor> open_device(const std::string& path, const std::string& number, int flags);
Result<std::int64_t> size_of_device(int fd);
Result<bool> is_device_read_only(int fd);

std::string number_text(unsigned major, unsigned minor);   // "7:3"
Error system_refused(const std::string& what, int error);  // "cannot <what>: <errno's text>"; the code depends on errno

}  // namespace blockplug::mount
