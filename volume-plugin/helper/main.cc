// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "ceph/map/krbd_verbs.h"
#include "hotplug/host/helper/program.h"
#include "hotplug/host/loop/loop_devices.h"
#include "hotplug/host/mount/verbs.h"
#include "hotplug/host/storage_daemon/fuse_loop.h"

int main() {
  auto verbs = blockplug::loop::verbs();
  verbs.merge(blockplug::mount::verbs());
  verbs.merge(blockplug::fuse::fuse_verbs());
  verbs.merge(blockplug::rbd::krbd_verbs());
  return blockplug::run_helper(verbs, STDIN_FILENO, STDOUT_FILENO);
}
