// SPDX-License-Identifier: Apache-2.0
// Without arguments, or with the verb as the only one: answers the one request on stdin. blockplugd starts it so.
// --only VERB: the same, but no other verb. --launch-storage-daemons SOCKET: see hotplug/host/helper/launcher.h.
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "ceph/map/krbd_verbs.h"
#include "hotplug/host/helper/launcher.h"
#include "hotplug/host/helper/program.h"
#include "hotplug/host/loop/loop_devices.h"
#include "hotplug/host/mount/verbs.h"
#include "hotplug/host/storage_daemon/fuse_loop.h"

int main(int count, char** arguments) {
  const std::string_view option = count == 3 ? arguments[1] : "";
  if (option == "--launch-storage-daemons") {
    const auto served = blockplug::serve_launcher(arguments[2], "/proc/self/exe", blockplug::fuse::kStartVerb);
    if (!served.ok()) std::fprintf(stderr, "blockplug-helper: %s\n", served.error().message.c_str());
    return served.ok() ? 0 : 1;
  }
  auto verbs = blockplug::loop::verbs();
  verbs.merge(blockplug::mount::verbs());
  verbs.merge(blockplug::fuse::fuse_verbs());
  verbs.merge(blockplug::rbd::krbd_verbs());
  if (option == "--only") std::erase_if(verbs, [&](const auto& each) { return each.first != arguments[2]; });
  return blockplug::run_helper(verbs, STDIN_FILENO, STDOUT_FILENO);
}
