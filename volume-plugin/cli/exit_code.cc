// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/exit_code.h"

namespace blockplug::cli {
namespace {
bool leaves_it_pending(Code code) {
  // ABORTED is not among them: a later request asked for the opposite.
  return code == Code::DeadlineExceeded || code == Code::Cancelled || code == Code::Unavailable;
}
}  // namespace

ExitCode exit_code_for(const Error& error, Asked asked, Daemon daemon) {
  if (error.code == Code::Unavailable && daemon == Daemon::Gone) return ExitCode::NoDaemon;
  // Made by this program before it sent anything: invalid options, or an action that was not confirmed.
  if (error.code == Code::InvalidArgument && error.effect == Effect::None) return ExitCode::UsageOrNotConfirmed;
  if (asked == Asked::Look || error.effect == Effect::None) return ExitCode::Refused;
  return leaves_it_pending(error.code) ? ExitCode::Pending : ExitCode::Refused;
}

std::string advice_after(const Error& error, ExitCode code, Asked asked, const std::string& volume) {
  if (asked == Asked::Look || error.effect == Effect::None) return {};
  if (error.code == Code::Unavailable)
    return "the request stays pending if the daemon had recorded it; repeat the command to be sure";
  if (code != ExitCode::Pending) return {};
  const std::string command = asked == Asked::Attachment ? "attachment explain " + volume : "queue";
  return (error.code == Code::Cancelled ? "the request is still pending; " : "") + ("for its progress run: blockplug " + command);
}

}  // namespace blockplug::cli
