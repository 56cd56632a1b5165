// SPDX-License-Identifier: Apache-2.0
#pragma once
// Directories that only this process's user may change, or even enter. Free functions, any thread.
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug {

// Nobody else may change what is in an existing directory (which may be a link). FailedPrecondition: it belongs to another user, or
// group or others may write to it; the message is the sentence's end after the directory's name.
Status check_only_we_write(const std::string& directory);

// Makes the directory with mode 0700, in an existing one; one that is there is closed to all others, whoever made it so.
// FailedPrecondition: it is another user's, or not a directory.
Status make_private_directory(const std::string& directory);
// The same, where it exists.
Status close_to_others(const std::string& directory);

}  // namespace blockplug
