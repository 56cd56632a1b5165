// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/exit_code.h"

namespace blockplug::cli {
namespace {
bool leaves_it_wished(Code code) {
  // ABORTED is not among them: the opposite was wished since.
  return code == Code::DeadlineExceeded || code == Code::Cancelled || code == Code::Unavailable;
}
}  // namespace

ExitCode exit_code_for(const Error& error, Asked asked, Daemon daemon) {
  if (error.code == Code::Unavailable && daemon == Daemon::Gone) return ExitCode::NoDaemon;
  // Of our own making, before anything was asked: a word is missing on the command line.
  if (error.code == Code::InvalidArgument && error.effect == Effect::None) return ExitCode::Usage;
  if (asked == Asked::Look || error.effect == Effect::None) return ExitCode::Refused;
  return leaves_it_wished(error.code) ? ExitCode::StillWished : ExitCode::Refused;
}

std::string advice_after(const Error& error, ExitCode code, Asked asked, const std::string& volume) {
  if (asked == Asked::Look || error.effect == Effect::None) return {};
  if (error.code == Code::Unavailable) return "what the daemon had recorded stays wished; repeat the command to be sure";
  if (code != ExitCode::StillWished) return {};
  const std::string command = asked == Asked::Attachment ? "attachment explain " + volume : "queue";
  return (error.code == Code::Cancelled ? "what was asked for stays wished; " : "") + ("how far it is: blockplug " + command);
}

}  // namespace blockplug::cli
