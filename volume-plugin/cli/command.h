// SPDX-License-Identifier: Apache-2.0
#pragma once
// A command: chosen while the command line is parsed, run once all of it is valid.
#include <functional>
#include <ostream>
#include <stop_token>
#include <string>

#include "attach-detach/outcome.h"
#include "volume-plugin/cli/client.h"
#include "volume-plugin/cli/exit_code.h"

namespace blockplug::cli {

enum class Format : std::uint8_t { Table, Json };
enum class Progress : std::uint8_t { Shown, Silent };

// The program's surroundings; main passes the real ones, tests their own.
struct Console {
  std::ostream& out;            // results
  std::ostream& err;            // errors and progress
  Progress progress{};          // shown where err is a terminal
  std::stop_token interrupted;  // Ctrl-C
  std::function<WallClock::time_point()> now;
};

struct Session {
  Client& client;
  const Console& console;
  Format format{};
  bool is_json() const { return format == Format::Json; }
  // For calls that wait only for the daemon and its backends.
  Limits limits() const { return {std::chrono::seconds{30}, console.interrupted}; }
};

struct Command {
  Asked asked{};
  std::string volume;  // the volume concerned; may be empty
  std::function<Status(const Session&)> run;
  // Prints what can be found out without a daemon; the exit code is still NoDaemon. Most commands have none.
  std::function<void(const Console&, Format, const Endpoint&)> run_without_daemon{};
};

// Prints the list, or `if_empty` to the standard error where a table has no rows.
inline void print_list(const Session& session, const std::string& text, const char* if_empty) {
  session.console.out << text;
  if (text.empty()) session.console.err << if_empty << "\n";
}

}  // namespace blockplug::cli
