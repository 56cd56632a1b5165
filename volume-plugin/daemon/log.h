// SPDX-License-Identifier: Apache-2.0
#pragma once
// The daemon's log: one line per message, to stderr. Any thread; set up once, before other threads start.
//
//   text: 2026-01-02T03:04:05.678Z warning local/data-1 to vm:web-0: no free hot-plug slot [op cli-7]
//   json: {"time":"2026-01-02T03:04:05.678Z","level":"warning","subject":"…","text":"…","operation":"cli-7"}
#include <cstdint>
#include <cstdio>
#include <string_view>

namespace blockplug {

enum class Level : std::uint8_t { Debug, Info, Warning, Error };
enum class LogFormat : std::uint8_t { Text, Json };

// Until it is called: info and above, as text. `to` is not owned.
void set_up_log(Level least, LogFormat format, std::FILE* to = stderr);

bool is_enabled(Level level);  // check this first where the text is costly to build

// `subject`: the object concerned, e.g. to_text(key). `operation`: the call's id, which is passed down to its last QMP command.
void log(Level level, std::string_view subject, std::string_view text, std::string_view operation = {});

}  // namespace blockplug
