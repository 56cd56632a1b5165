// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/daemon/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "volume-plugin/daemon/log_line.h"

namespace blockplug {
namespace {

struct Log {
  std::shared_ptr<spdlog::logger> logger;
  LogFormat format{};
};

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::Debug: return spdlog::level::debug;
    case Level::Info: return spdlog::level::info;
    case Level::Warning: return spdlog::level::warn;
    case Level::Error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

Log make(Level least, LogFormat format, std::FILE* to) {
  const auto* pattern =
      format == LogFormat::Json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})" : "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
  auto sink = std::make_shared<spdlog::sinks::stdout_sink_base<spdlog::details::console_mutex>>(to);
  sink->set_formatter(std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
  auto logger = std::make_shared<spdlog::logger>("blockplug", std::move(sink));
  logger->set_level(to_spdlog(least));
  return {std::move(logger), format};
}

Log& current() {
  static Log log = make(Level::Info, LogFormat::Text, stderr);
  return log;
}

}  // namespace

void set_up_log(Level least, LogFormat format, std::FILE* to) { current() = make(least, format, to); }

bool is_enabled(Level level) { return current().logger->should_log(to_spdlog(level)); }

void log(Level level, std::string_view subject, std::string_view text, std::string_view operation) {
  if (!is_enabled(level)) return;
  const LogMessage message{subject, text, operation};
  const auto line = current().format == LogFormat::Json ? json_fields(message) : text_line(message);
  current().logger->log(to_spdlog(level), spdlog::string_view_t(line));  // not as a format string
}

}  // namespace blockplug
