// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/arguments.h"

#include <CLI/CLI.hpp>

#include "volume-plugin/cli/tidy_path.h"
#include "volume-plugin/cli/time_text.h"
#include "volume-plugin/ids.h"
#include "volume-plugin/size.h"

namespace blockplug::cli {
namespace {
// CLI11 wants exceptions; App::parse is where they end.
template <typename T>
T or_throw(const char* argument, Result<T> read) {
  if (!read) throw CLI::ValidationError(argument, read.error().message);
  return std::move(read).value();
}

Result<std::int64_t> read_size(const std::string& text) {
  const auto size_bytes = TRY(parse_size(text));
  TRY(check_size(size_bytes));
  return size_bytes;
}
}  // namespace

CLI::Option* add_volume_argument(CLI::App& command, std::string& volume) {
  const auto take = [&volume](const std::string& text) {
    or_throw("VOLUME", check_volume_id(text));
    volume = text;
  };
  return command.add_option_function<std::string>("VOLUME", take, "the volume's id, such as local/data")->required();
}

CLI::Option* add_vm_option(CLI::App& command, std::string& vm, const std::string& description) {
  const auto take = [&vm](const std::string& text) {
    or_throw("--vm", check_vm_id(text));
    vm = text;
  };
  return command.add_option_function<std::string>("--vm", take, description)->type_name("ID");
}

CLI::Option* add_path_option(CLI::App& command, const char* name, std::string& path, const std::string& description) {
  const auto take = [name, &path](const std::string& text) { path = or_throw(name, tidy_path(text)); };
  return command.add_option_function<std::string>(name, take, description)->type_name("DIR");
}

CLI::Option* add_size_option(CLI::App& command, std::int64_t& size_bytes, const std::string& description) {
  const auto take = [&size_bytes](const std::string& text) { size_bytes = or_throw("--size", read_size(text)); };
  return command.add_option_function<std::string>("--size", take, description)->required()->type_name("SIZE");
}

CLI::Option* add_timeout_option(CLI::App& command, std::chrono::milliseconds& timeout) {
  const auto take = [&timeout](const std::string& text) { timeout = or_throw("--timeout", parse_timeout(text)); };
  const auto description =
      "how long to wait, such as 500ms, 60s or 2m; it stays wished afterwards [" + format_duration(timeout) + "]";
  return command.add_option_function<std::string>("--timeout", take, description)->type_name("TIME");
}

}  // namespace blockplug::cli
