// SPDX-License-Identifier: Apache-2.0
#pragma once
// The arguments that several commands share. Each is validated while the command line is parsed; an invalid value is a usage error.
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace blockplug::cli {

CLI::Option* add_volume_argument(CLI::App& command, std::string& volume);
CLI::Option* add_vm_option(CLI::App& command, std::string& vm, const std::string& description);
// A path, normalised by tidy_path. `name`: "--path".
CLI::Option* add_path_option(CLI::App& command, const char* name, std::string& path, const std::string& description);
// Required unless the caller says otherwise.
CLI::Option* add_size_option(CLI::App& command, std::int64_t& size_bytes, const std::string& description);
// VOLUME, or VOLUME@NAME.
CLI::Option* add_source_option(CLI::App& command, std::string& source);
CLI::Option* add_snapshot_argument(CLI::App& command, std::string& snapshot);
CLI::Option* add_snapshot_name_argument(CLI::App& command, std::string& name);
// Limits: a plain number, or one with a unit; 0 removes the limit.
CLI::Option* add_iops_option(CLI::App& command, std::function<void(std::int64_t)> take);
CLI::Option* add_bytes_per_second_option(CLI::App& command, std::function<void(std::int64_t)> take);
CLI::Option* add_timeout_option(CLI::App& command, std::chrono::milliseconds& timeout);

}  // namespace blockplug::cli
