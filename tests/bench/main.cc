// SPDX-License-Identifier: Apache-2.0
// blockplug-bench: measures and prints one table. Started by tests/bench/run, which gives it VMs and a directory for scratch.
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/bench/table.h"

namespace {
using namespace blockplug::bench;

int fail(const std::string& message) {
  std::fprintf(stderr, "blockplug-bench: %s\n", message.c_str());
  return 1;
}

void say(const char* what) { std::fprintf(stderr, "blockplug-bench: %s\n", what); }

}  // namespace

// SCRATCH has vms/scsi and vms/virtio-blk, the directories of two VMs whose daemon's sockets are in sockets/{vm}/.
int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  if (words.empty() || words.size() > 2 || (words.size() == 2 && words[1] != "--quick"))
    return fail("usage: blockplug-bench SCRATCH [--quick]");
  const bool is_quick = words.size() == 2;
  const auto scratch = words[0];
  const std::string programs = std::filesystem::read_symlink("/proc/self/exe").parent_path();

  say("the daemon on fake rungs");
  const auto scale = measure_scale({.program = programs + "/blockplugd-fake",
                                    .directory = scratch,
                                    .cycles = is_quick ? 100U : 400U,
                                    .restarts = is_quick ? 3U : 9U,
                                    .idle = std::chrono::seconds(is_quick ? 10 : 30)});
  if (!scale.ok()) return fail(scale.error().message);
  say("attach and detach at real VMs");
  const auto plugging =
      measure_plugging({.program = programs + "/blockplugd",
                        .directory = scratch,
                        .vm_sockets = scratch + "/sockets/{vm}/qmp.sock",
                        .vms = {{Bus::Scsi, scratch + "/vms/scsi"}, {Bus::VirtioBlk, scratch + "/vms/virtio-blk"}},
                        .rounds = is_quick ? 4U : 8U});
  if (!plugging.ok()) return fail(plugging.error().message);
  print(*plugging, stdout);
  print(*scale, stdout);
  return 0;
}
