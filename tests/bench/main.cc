// SPDX-License-Identifier: Apache-2.0
// blockplug-bench: measures and prints one table. Started by tests/bench/run, which gives it VMs and a directory for scratch.
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/table.h"

namespace {
using namespace blockplug::bench;

int fail(const std::string& message) {
  std::fprintf(stderr, "blockplug-bench: %s\n", message.c_str());
  return 1;
}

struct Wanted {
  std::string scratch, part;
  bool is_quick{};
};

std::optional<Wanted> parse(const std::vector<std::string>& words) {
  Wanted wanted;
  for (const auto& word : words) {
    if (word == "--quick")
      wanted.is_quick = true;
    else if (word == "plugging" || word == "scale")
      wanted.part = word;
    else if (word.starts_with('/') && wanted.scratch.empty())
      wanted.scratch = word;
    else
      return std::nullopt;
  }
  return wanted.scratch.empty() ? std::nullopt : std::optional(wanted);
}

blockplug::Result<ScaleFigures> scale(const Wanted& wanted, const std::string& programs) {
  std::fprintf(stderr, "blockplug-bench: the daemon on fake rungs\n");
  return measure_scale({.program = programs + "/blockplugd-fake",
                        .directory = wanted.scratch,
                        .cycles = wanted.is_quick ? 100U : 400U,
                        .restarts = wanted.is_quick ? 3U : 9U,
                        .idle = std::chrono::seconds(wanted.is_quick ? 10 : 30)});
}

blockplug::Result<PluggingFigures> plugging(const Wanted& wanted, const std::string& programs) {
  std::fprintf(stderr, "blockplug-bench: attach and detach at real VMs\n");
  return measure_plugging({.program = programs + "/blockplugd",
                           .directory = wanted.scratch,
                           .vm_sockets = wanted.scratch + "/sockets/{vm}/qmp.sock",
                           .vms = {{Bus::Scsi, wanted.scratch + "/vms/scsi"}, {Bus::VirtioBlk, wanted.scratch + "/vms/virtio-blk"}},
                           .rounds = wanted.is_quick ? 4U : 16U});
}

// Both are measured before anything is printed: one table.
int run(const Wanted& wanted) {
  const std::string programs = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  std::optional<ScaleFigures> of_scale;
  std::optional<PluggingFigures> of_plugging;
  if (wanted.part != "plugging") {
    auto measured = scale(wanted, programs);
    if (!measured.ok()) return fail(measured.error().message);
    of_scale = std::move(*measured);
  }
  if (wanted.part != "scale") {
    auto measured = plugging(wanted, programs);
    if (!measured.ok()) return fail(measured.error().message);
    of_plugging = std::move(*measured);
  }
  if (of_plugging) print(*of_plugging, stdout);
  if (of_scale) print(*of_scale, stdout);
  return 0;
}

}  // namespace

// SCRATCH has vms/scsi and vms/virtio-blk, the directories of two VMs whose daemon's sockets are in sockets/{vm}/.
int main(int count, char** arguments) {
  const auto wanted = parse({arguments + 1, arguments + count});
  return wanted ? run(*wanted) : fail("usage: blockplug-bench SCRATCH [--quick] [plugging|scale]");
}
