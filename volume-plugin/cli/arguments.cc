// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/arguments.h"

#include <CLI/CLI.hpp>

#include "attach-detach/number.h"
#include "attach-detach/printable.h"
#include "attach-detach/volume_limits.h"
#include "volume-plugin/cli/tidy_path.h"
#include "volume-plugin/cli/time_text.h"
#include "volume-plugin/door/ids.h"
#include "volume-plugin/size.h"

namespace blockplug::cli {
namespace {
// CLI11 expects exceptions; App::parse catches them.
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

Status check_source(const std::string& text) {
  if (text.find('@') == std::string::npos) return check_volume_id(text);
  TRY(parse_snapshot_id(text));
  return Ok{};
}

Result<std::int64_t> read_iops(const std::string& text) {
  const auto iops = number_from<std::int64_t>(text);
  if (!iops)
    return no_effect(Code::InvalidArgument,
                     "'" + printable(text) + "' is not a limit: write a whole number, such as 500; 0 removes the limit");
  TRY(check_limit(kIops, *iops));
  return *iops;
}

Result<std::int64_t> read_bytes_per_second(const std::string& text) {
  const auto bytes = TRY(parse_size(text));
  TRY(check_limit(kBytesPerSecond, bytes));
  return bytes;
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

CLI::Option* add_source_option(CLI::App& command, std::string& source) {
  const auto take = [&source](const std::string& text) {
    or_throw("--from", check_source(text));
    source = text;
  };
  return command.add_option_function<std::string>("--from", take, "the volume or snapshot to copy; of the same backend")
      ->type_name("VOLUME[@NAME]");
}

CLI::Option* add_snapshot_argument(CLI::App& command, std::string& snapshot) {
  const auto take = [&snapshot](const std::string& text) {
    or_throw("SNAPSHOT", parse_snapshot_id(text));
    snapshot = text;
  };
  return command.add_option_function<std::string>("SNAPSHOT", take, "the snapshot's id, such as ceph/data@before")->required();
}

CLI::Option* add_snapshot_name_argument(CLI::App& command, std::string& name) {
  const auto take = [&name](const std::string& text) {
    or_throw("NAME", check_snapshot_name(text));
    name = text;
  };
  return command.add_option_function<std::string>("NAME", take, "the snapshot's name, such as before")->required();
}

CLI::Option* add_iops_option(CLI::App& command, std::function<void(std::int64_t)> take) {
  const auto read = [take = std::move(take)](const std::string& text) { take(or_throw("--iops", read_iops(text))); };
  return command.add_option_function<std::string>("--iops", read, "most reads and writes per second; 0 removes the limit")
      ->type_name("N");
}

CLI::Option* add_bytes_per_second_option(CLI::App& command, std::function<void(std::int64_t)> take) {
  const auto read = [take = std::move(take)](const std::string& text) {
    take(or_throw("--bytes-per-second", read_bytes_per_second(text)));
  };
  return command
      .add_option_function<std::string>("--bytes-per-second", read, "most bytes per second, such as 10MiB; 0 removes the limit")
      ->type_name("SIZE");
}

CLI::Option* add_timeout_option(CLI::App& command, std::chrono::milliseconds& timeout) {
  const auto take = [&timeout](const std::string& text) { timeout = or_throw("--timeout", parse_timeout(text)); };
  const auto description =
      "how long to wait, such as 500ms, 60s or 2m; the request stays pending after that [" + format_duration(timeout) + "]";
  return command.add_option_function<std::string>("--timeout", take, description)->type_name("TIME");
}

}  // namespace blockplug::cli
