// SPDX-License-Identifier: Apache-2.0
#pragma once
// The processes of this host, as /proc shows them to us: for what explains who uses something. Free functions, any thread; they
// throw nothing, and a process that ends meanwhile is just not there.
#include <filesystem>
#include <string>
#include <vector>

namespace blockplug {

// The names in a directory of /proc or /sys; empty if it is gone or not accessible.
std::vector<std::string> names_in(const std::filesystem::path& directory);

std::vector<std::filesystem::path> running_processes();            // "/proc/4711"
std::string command_of(const std::filesystem::path& process);      // "tail", fit for a message
std::string title_of(const std::filesystem::path& process);        // "process 4711 (tail)"
std::string namespace_link(const std::filesystem::path& process);  // of its mounts: "mnt:[4026531841]"; empty: not to be seen

}  // namespace blockplug
