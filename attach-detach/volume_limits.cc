// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/volume_limits.h"

#include <sstream>

#include "attach-detach/number.h"

namespace blockplug {
namespace {

constexpr std::int64_t kMostIops = 1'000'000'000;
constexpr std::int64_t kMostBytesPerSecond = 1'000'000'000'000;

}  // namespace

Status check_limit(const std::string& name, std::int64_t value) {
  const auto most = name == kIops ? kMostIops : kMostBytesPerSecond;
  if (value >= 0 && value <= most) return Ok{};
  return no_effect(Code::OutOfRange, "a limit of " + std::to_string(value) + " " + name + " is not possible: it must be 1 to " +
                                         std::to_string(most) + ", or 0 for no limit");
}

std::string limits_text(const VolumeLimits& limits) {
  std::string text;
  for (const auto& [name, value] : limits) text += (text.empty() ? "" : " ") + name + "=" + std::to_string(value);
  return text;
}

Result<VolumeLimits> volume_limits_from(const std::string& text) {
  VolumeLimits limits;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    const auto name = word.substr(0, equals);
    const auto value = equals == std::string::npos ? 0 : number_from<std::int64_t>(word.substr(equals + 1)).value_or(0);
    if ((name != kIops && name != kBytesPerSecond) || value <= 0 || !check_limit(name, value).ok())
      return no_effect(Code::FailedPrecondition,
                       "the record of the volume's limits (blockplug.limits) is not understood: somebody else wrote it");
    limits[name] = value;
  }
  return limits;
}

Result<VolumeLimits> modified(VolumeLimits limits, const Facts& arguments) {
  for (const auto* name : {kIops, kBytesPerSecond}) {
    const auto argument = arguments.find(name);
    if (argument == arguments.end()) continue;
    const auto value = number_from<std::int64_t>(argument->second);
    if (!value)
      return no_effect(Code::InvalidArgument, std::string("the order's ") + name + " is '" + argument->second + "': no number");
    TRY(check_limit(name, *value));
    limits.erase(name);
    if (*value > 0) limits[name] = *value;
  }
  return limits;
}

Facts limit_facts(const VolumeLimits& limits) {
  Facts facts;
  for (const auto& [name, value] : limits) facts["limit." + name] = std::to_string(value);
  return facts;
}

}  // namespace blockplug
