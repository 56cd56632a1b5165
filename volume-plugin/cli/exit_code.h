// SPDX-License-Identifier: Apache-2.0
#pragma once
// The program's exit code (DESIGN 5). Pure functions of the error and of what was requested.
#include <cstdint>
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug::cli {

enum class ExitCode : std::uint8_t {
  ItIsSo = 0,               // also where nothing had to be done
  UsageOrNotConfirmed = 1,  // invalid options, or --yes is missing
  Refused = 2,              // or failed, and the request was withdrawn
  NoDaemon = 3,
  Pending = 4,  // timed out or interrupted; the request is still pending
};

// What a command asks of the daemon: only information, or a change that stays pending when the caller goes away.
enum class Asked : std::uint8_t { Look, Attachment, Order };

enum class Daemon : std::uint8_t { Listens, Gone };

ExitCode exit_code_for(const Error& error, Asked asked, Daemon daemon);

// What to do when the outcome is open: after Pending, and when the daemon went away during a call. Else empty.
std::string advice_after(const Error& error, ExitCode code, Asked asked, const std::string& volume);

}  // namespace blockplug::cli
