// SPDX-License-Identifier: Apache-2.0
// blockplugd: reads its configuration and runs in the foreground until SIGTERM or SIGINT; disks and mounts stay as they are.
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <string>

#include "volume-plugin/daemon/daemon.h"
#include "volume-plugin/daemon/log.h"
#include "volume-plugin/daemon/shutdown.h"
#include "volume-plugin/version.h"

namespace {

constexpr const char* kUsage =
    "usage: blockplugd [--config FILE] [--node NAME] [--check-config | --print-config | --version]\n"
    "  --config FILE    default: /etc/blockplug/blockplugd.yaml; if that file is missing, the defaults apply\n"
    "  --node NAME      this node's name, instead of `node` of the configuration\n"
    "  --check-config   validates the configuration and exits\n"
    "  --print-config   prints the effective configuration, with defaults and the time limits of every rung, and exits\n";

// The memory of this process, and of the storage daemons that it starts, contains keys. The limit is 1 because a core that is piped
// to a handler ignores a limit of 0 (Linux, fs/coredump.c).
void leave_no_core() {
  const rlimit nothing{1, 1};
  ::setrlimit(RLIMIT_CORE, &nothing);
}

// A helper has three, and each of many volumes may have one at a time; systemd's soft limit is 1,024.
void allow_many_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int fail(const std::string& message) {
  std::fprintf(stderr, "blockplugd: %s\n", message.c_str());
  return 1;
}

}  // namespace

int main(int count, char** arguments) {
  std::optional<std::string> path, node;
  bool is_check = false, is_print = false;
  for (int at = 1; at < count; ++at) {
    const std::string argument = arguments[at];
    if (argument == "--config" && at + 1 < count)
      path = arguments[++at];
    else if (argument.starts_with("--config="))
      path = argument.substr(9);
    else if (argument == "--node" && at + 1 < count)
      node = arguments[++at];
    else if (argument.starts_with("--node="))
      node = argument.substr(7);
    else if (argument == "--check-config")
      is_check = true;
    else if (argument == "--print-config")
      is_print = true;
    else if (argument == "--version")
      return std::printf("blockplugd %s\n", blockplug::version()), 0;
    else if (argument == "--help")
      return std::fputs(kUsage, stdout), 0;
    else
      return std::fputs(kUsage, stderr), 1;
  }
  const auto config = blockplug::load_config(path, blockplug::kDefaultConfigPath, node);
  if (!config.ok()) return fail(config.error().message);
  if (is_check) return std::puts("the configuration is valid"), 0;
  if (is_print) return std::fputs(blockplug::to_yaml(*config, blockplug::rung_limits()).c_str(), stdout), 0;

  blockplug::set_up_log(config->log.level, config->log.format);
  ::signal(SIGPIPE, SIG_IGN);
  leave_no_core();
  allow_many_descriptors();
  blockplug::Shutdown shutdown;  // before any thread, so that all inherit the blocked signals
  auto daemon = blockplug::Daemon::start(*config, blockplug::maker_of(blockplug::backend_kinds()));
  if (!daemon.ok()) return fail(daemon.error().message);
  std::puts("ready");
  std::fflush(stdout);
  ::sd_notify(0, "READY=1");
  const int signal = shutdown.wait();
  blockplug::log(blockplug::Level::Info, "blockplugd",
                 std::string("stopping on ") + ::strsignal(signal) + "; attached volumes stay attached");
  ::sd_notify(0, "STOPPING=1");
  shutdown.end_within(std::chrono::seconds(9));
  (*daemon)->stop();
  return 0;
}
