// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the shell is told (DESIGN 5). Pure functions of the error and of what was asked.
#include <cstdint>
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug::cli {

enum class ExitCode : std::uint8_t {
  ItIsSo = 0,  // already so counts
  Usage = 1,
  Refused = 2,  // or failed, and no longer wished
  NoDaemon = 3,
  StillWished = 4,  // not yet: the deadline came, or Ctrl-C
};

// What a command asks of the daemon: only to be told something, or a thing that stays wished when the caller goes away.
enum class Asked : std::uint8_t { Look, Attachment, Order };

enum class Daemon : std::uint8_t { Listens, Gone };

ExitCode exit_code_for(const Error& error, Asked asked, Daemon daemon);

// What a person who was left in doubt can do: after StillWished, and when the daemon went away in mid-call. Else empty.
std::string advice_after(const Error& error, ExitCode code, Asked asked, const std::string& volume);

}  // namespace blockplug::cli
