// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "ceph/map/fuse_loop.h"
#include "ceph/map/krbd_verbs.h"
#include "hotplug/helper/program.h"
#include "hotplug/loop/loop_devices.h"
#include "volume-plugin/mount/verbs.h"

int main() {
  auto verbs = blockplug::loop::verbs();
  verbs.merge(blockplug::mount::verbs());
  verbs.merge(blockplug::rbd::fuse_verbs());
  verbs.merge(blockplug::rbd::krbd_verbs());
  return blockplug::run_helper(verbs, STDIN_FILENO, STDOUT_FILENO);
}
