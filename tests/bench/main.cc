// SPDX-License-Identifier: Apache-2.0
// blockplug-bench: measures and prints one table. Started by tests/bench/run, which provides VMs and a scratch directory.
#include <cstdio>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/table.h"

namespace {
using namespace blockplug::bench;

int fail(const std::string& message) {
  std::fprintf(stderr, "blockplug-bench: %s\n", message.c_str());
  return 1;
}

// The last two only where they are named: they need a Ceph, and krbd a kernel that has rbd.
const std::set<std::string> kParts{"plugging", "mounting", "scale", "ceph", "krbd"};
constexpr std::string_view kCeph = "--ceph=";

struct Wanted {
  std::string scratch, part, ceph;
  bool is_quick{};
};

std::optional<Wanted> parse(const std::vector<std::string>& words) {
  Wanted wanted;
  for (const auto& word : words) {
    if (word == "--quick")
      wanted.is_quick = true;
    else if (kParts.contains(word))
      wanted.part = word;
    else if (word.starts_with(kCeph))
      wanted.ceph = word.substr(kCeph.size());
    else if (word.starts_with('/') && wanted.scratch.empty())
      wanted.scratch = word;
    else
      return std::nullopt;
  }
  if (wanted.ceph.empty()) wanted.ceph = wanted.scratch + "/ceph";
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

blockplug::Result<MountingFigures> mounting(const Wanted& wanted, const std::string& programs) {
  std::fprintf(stderr, "blockplug-bench: mounts on the host and in a guest\n");
  return measure_mounting({.program = programs + "/blockplugd",
                           .directory = wanted.scratch,
                           .vm_sockets = wanted.scratch + "/sockets/{vm}/qmp.sock",
                           .vm = wanted.scratch + "/vms/scsi",
                           .host_cycles = wanted.is_quick ? 40U : 160U,
                           .format_rounds = wanted.is_quick ? 5U : 15U,
                           .guest_rounds = wanted.is_quick ? 5U : 20U});
}

CephSettings ceph_settings(const Wanted& wanted, const std::string& programs) {
  return {.program = programs + "/blockplugd",
          .lab = {wanted.ceph},
          .directory = wanted.scratch + "/images",
          .vm_sockets = wanted.scratch + "/sockets/{vm}/qmp.sock",
          .vms = {{Bus::Scsi, wanted.scratch + "/vms/scsi"}, {Bus::VirtioBlk, wanted.scratch + "/vms/virtio-blk"}},
          .rounds = wanted.is_quick ? 3U : 10U,
          .cycles = wanted.is_quick ? 15U : 50U,
          .burst = {.images = 50, .vms = 10, .rounds = wanted.is_quick ? 3U : 9U}};
}

blockplug::Result<CephFigures> ceph(const Wanted& wanted, const std::string& programs) {
  std::fprintf(stderr, "blockplug-bench: RBD images at real VMs and on the host\n");
  return measure_ceph(ceph_settings(wanted, programs));
}

blockplug::Result<KrbdFigures> krbd(const Wanted& wanted, const std::string& programs) {
  std::fprintf(stderr, "blockplug-bench: RBD images by the kernel\n");
  return measure_krbd(ceph_settings(wanted, programs));
}

bool is_in_all(const std::string& part) { return part != "ceph" && part != "krbd"; }

// Measures the part if it is wanted.
template <typename Figures>
blockplug::Status fill(std::optional<Figures>& figures, const Wanted& wanted, const std::string& part,
                       blockplug::Result<Figures> (*measure)(const Wanted&, const std::string&), const std::string& programs) {
  if (wanted.part.empty() ? !is_in_all(part) : wanted.part != part) return blockplug::Ok{};
  figures = TRY(measure(wanted, programs));
  return blockplug::Ok{};
}

// All are measured before anything is printed: one table.
blockplug::Status run(const Wanted& wanted) {
  const std::string programs = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  std::optional<ScaleFigures> of_scale;
  std::optional<PluggingFigures> of_plugging;
  std::optional<MountingFigures> of_mounting;
  std::optional<CephFigures> of_ceph;
  std::optional<KrbdFigures> of_krbd;
  TRY(fill(of_scale, wanted, "scale", scale, programs));
  TRY(fill(of_plugging, wanted, "plugging", plugging, programs));
  TRY(fill(of_mounting, wanted, "mounting", mounting, programs));
  TRY(fill(of_ceph, wanted, "ceph", ceph, programs));
  TRY(fill(of_krbd, wanted, "krbd", krbd, programs));
  if (of_plugging) print(*of_plugging, stdout);
  if (of_mounting) print(*of_mounting, stdout);
  if (of_scale) print(*of_scale, stdout);
  if (of_ceph) print(*of_ceph, stdout);
  if (of_krbd) print(*of_krbd, stdout);
  return blockplug::Ok{};
}

}  // namespace

// SCRATCH has vms/scsi and vms/virtio-blk, the directories of two VMs whose daemon's sockets are in sockets/{vm}/; for the part
// ceph also the sockets of burst-0 to burst-9, and a Ceph (tests/lab/ceph) in ceph/ or DIR.
int main(int count, char** arguments) {
  const auto wanted = parse({arguments + 1, arguments + count});
  if (!wanted) return fail("usage: blockplug-bench SCRATCH [--quick] [--ceph=DIR] [plugging|mounting|scale|ceph|krbd]");
  const auto done = run(*wanted);
  return done.ok() ? 0 : fail(done.error().message);
}
