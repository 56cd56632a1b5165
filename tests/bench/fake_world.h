// SPDX-License-Identifier: Apache-2.0
#pragma once
// Worlds of many attachments for the daemon on fake backends.
#include <string>
#include <vector>

#include "attach-detach/ids.h"
#include "attach-detach/outcome.h"

namespace blockplug::bench {

// Volume number n, at one of the VMs that have about a hundred each.
AttachmentKey fake_attachment(std::size_t number);
std::vector<AttachmentKey> fake_attachments(std::size_t count);  // numbers 0 to count - 1

// A store in `directory` as a daemon leaves it that attached the first `count`.
Status prefill(const std::string& directory, std::size_t count);

}  // namespace blockplug::bench
