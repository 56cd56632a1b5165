// SPDX-License-Identifier: Apache-2.0
// blockplugd-fake: the production daemon on fake backends. ends on SIGTERM.
#include <cstdio>
#include <string_view>

#include "tests/bench/fake_backend.h"
#include "volume-plugin/daemon/daemon.h"
#include "volume-plugin/daemon/shutdown.h"

int main(int count, char** arguments) {
  const auto fail = [](const std::string& message) { return std::fprintf(stderr, "blockplugd-fake: %s\n", message.c_str()), 1; };
  if (count != 3 || arguments[1] != std::string_view("--config")) return fail("usage: blockplugd-fake --config FILE");
  const auto config = blockplug::load_config(arguments[2]);
  if (!config.ok()) return fail(config.error().message);
  blockplug::set_up_log(config->log.level, config->log.format);
  blockplug::Shutdown shutdown;  // before any thread, so that all inherit the blocked signals
  auto daemon = blockplug::Daemon::start(*config, blockplug::bench::make_fake_backends);
  if (!daemon.ok()) return fail(daemon.error().message);
  shutdown.wait();
  shutdown.end_within(std::chrono::seconds(9));
  (*daemon)->stop();
  return 0;
}
