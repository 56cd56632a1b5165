// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a command is: chosen while the command line is read, run when all of it was right.
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

// The world around the program; main makes it of the real one, tests of their own.
struct Console {
  std::ostream& out;            // results
  std::ostream& err;            // talk
  Progress progress{};          // shown where err is a terminal
  std::stop_token interrupted;  // Ctrl-C
  std::function<WallClock::time_point()> now;
};

struct Session {
  Client& client;
  const Console& console;
  Format format{};
  bool is_json() const { return format == Format::Json; }
  // For calls that wait for nothing but the daemon and its backends.
  Limits limits() const { return {std::chrono::seconds{30}, console.interrupted}; }
};

struct Command {
  Asked asked{};
  std::string volume;  // that it is about; may be empty
  std::function<Status(const Session&)> run;
  // What can be printed although nobody answers; the program still ends as without a daemon. Most have nothing.
  std::function<void(const Console&, Format, const Endpoint&)> run_without_daemon{};
};

// Prints what there is, or, where a table has no rows, says so beside it.
inline void print_list(const Session& session, const std::string& text, const char* if_empty) {
  session.console.out << text;
  if (text.empty()) session.console.err << if_empty << "\n";
}

}  // namespace blockplug::cli
