// SPDX-License-Identifier: Apache-2.0
#pragma once
// Names and ids of CSI and ours. Pure functions.
//
// A CSI name may have any characters but control characters, and 128 bytes; a backend takes less. A name that it takes stays as it
// is; any other becomes "csi-" and 40 hexadecimal digits of its SHA-256, so that two names never become one.
#include <functional>
#include <string>

#include "attach-detach/ids.h"
#include "attach-detach/outcome.h"

namespace blockplug::csi {

// Fields of requests have 128 bytes at most, says the specification; a snapshot's id contains its volume's.
inline constexpr std::size_t kLongestField = 128;
inline constexpr std::size_t kLongestVolumeId = 80;

// InvalidArgument: empty, too long, or with control characters.
Status check_name(const std::string& name, const char* field);

// The name under which the backend has it. `takes`: would the backend take this one?
std::string name_in_backend(const std::string& name, std::size_t longest, const std::function<bool(const std::string&)>& takes);

std::string volume_name(const std::string& csi_name, const std::string& backend,
                        const std::function<bool(const std::string&)>& takes);
std::string snapshot_name(const std::string& csi_name, const VolumeId& volume);

// Kubernetes makes names of a word and a uuid, which nobody makes twice.
bool ends_with_uuid(const std::string& name);

}  // namespace blockplug::csi
