// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/table.h"

namespace blockplug::bench {
namespace {

constexpr double kPluggingAim = 1.2;  // without the hold's own round trips
constexpr double kMountingAim = 0.7;  // with them

// What of the daemon's time is the hold's, on the way up and down.
Milliseconds hold_of_attach(const HoldTimes& hold) { return hold.take.median() + hold.announce.median() + hold.own.median(); }
Milliseconds hold_of_detach(const HoldTimes& hold) { return hold.give_back.median(); }

struct Row {
  const char *place, *change;
  const Samples &bare, &commit, &ours;
  Milliseconds hold;
};
enum class Aim : std::uint8_t { None, WithoutHold, WithHold };

void print_row(const Row& row, Aim aim, std::FILE* to) {
  const auto with = row.ours.median() / row.bare.median(), without = (row.ours.median() - row.hold) / row.bare.median();
  std::fprintf(to, "%-12s%-8s%8.2f /%8.2f%7.2f /%7.2f%9.2f /%8.2f%8.2f%8.2f%9.2f", row.place, row.change, row.bare.median().count(),
               row.bare.p95().count(), row.commit.median().count(), row.commit.p95().count(), row.ours.median().count(),
               row.ours.p95().count(), row.hold.count(), with, without);
  switch (aim) {
    case Aim::None: std::fprintf(to, "   shown\n"); break;
    case Aim::WithoutHold:
      std::fprintf(to, "   without <= %.1f  %s\n", kPluggingAim, without <= kPluggingAim ? "met" : "MISSED");
      break;
    case Aim::WithHold: std::fprintf(to, "   with < %.1f  %s\n", kMountingAim, with < kMountingAim ? "met" : "MISSED"); break;
  }
}

void print_rows(const char* place, const ImageFigures& figures, Aim of_attach, Aim of_detach, std::FILE* to) {
  const auto& [bare, ours, commit, hold] = figures;
  print_row({place, "attach", bare.attach, commit.attach, ours.attach, hold_of_attach(hold)}, of_attach, to);
  print_row({place, "detach", bare.detach, commit.detach, ours.detach, hold_of_detach(hold)}, of_detach, to);
}

void print_heads(const char* title, const char* place, std::FILE* to) {
  std::fprintf(to, "\n%s; milliseconds, median / p95\n", title);
  std::fprintf(to, "%-12s%-8s%18s%16s%19s%8s%8s%9s   %s\n", place, "", "bare", "one commit", "daemon", "hold", "with", "without",
               "aim");
}

void print_trip(const char* place, const char* what, const Samples& samples, std::FILE* to) {
  std::fprintf(to, "%-12s%-60s%8.2f /%8.2f\n", place, what, samples.median().count(), samples.p95().count());
}

void print_trips(const char* place, const HoldTimes& hold, std::FILE* to) {
  print_trip(place, "hold: take it by compare-and-set, look at the watchers", hold.take, to);
  print_trip(place, "hold: announce the open", hold.announce, to);
  print_trip(place, "hold: own, whose client opened it", hold.own, to);
  print_trip(place, "hold: give it back", hold.give_back, to);
  print_trip(place, "monitors and key, for what opens it (not in `hold`)", hold.look_up, to);
  print_trip(place, "does the cluster answer, before it is closed (not in `hold`)", hold.answers, to);
}

constexpr const char* kLegend =
    "hold: the medians of the hold's own round trips (below), added up; with, without: daemon to bare, with them and with them "
    "taken "
    "off\n";

void print(const ImagePluggingFigures& figures, std::FILE* to) {
  print_heads("An RBD image at a real VM", "bus", to);
  for (const auto& [bus, on] : figures.buses) print_rows(to_text(bus), on.change, Aim::WithoutHold, Aim::WithoutHold, to);
  for (const auto& [bus, on] : figures.buses) {
    const auto hold = hold_of_attach(on.change.hold);
    const Samples none;
    print_row({to_text(bus), "1st byte", on.bare_byte, none, on.our_byte, hold}, Aim::None, to);
  }
  std::fprintf(to, "%s", kLegend);
  std::fprintf(to, "1st byte: from the call until the guest has read a sector, which it tries every 5 ms and says within 5 ms\n\n");
  for (const auto& [bus, on] : figures.buses) print_trips(to_text(bus), on.change.hold, to);
}

void print_burst(const ImageBurstFigures& figures, const char* change, const Samples& at_once, const Samples& one_by_one,
                 std::FILE* to) {
  const auto each = static_cast<double>(figures.images);
  std::fprintf(to, "%-20s%10.0f /%8.0f%14.0f /%8.0f%10.2f%17.1f%14.1f\n", change, at_once.median().count(), at_once.p95().count(),
               one_by_one.median().count(), one_by_one.p95().count(), at_once.median() / one_by_one.median(),
               at_once.median().count() / each, one_by_one.median().count() / each);
}

void print(const ImageBurstFigures& figures, std::FILE* to) {
  std::fprintf(
      to, "\n%zu RBD images to %zu VMs (on SCSI, with their CPUs stopped) through the daemon; milliseconds for all, median / p95\n",
      figures.images, figures.vms);
  std::fprintf(to, "%-20s%20s%24s%10s%17s%14s\n", "", "all at once", "one after the other", "ratio", "each at once", "each after");
  print_burst(figures, "attach", figures.at_once.attach, figures.one_by_one.attach, to);
  print_burst(figures, "detach", figures.at_once.detach, figures.one_by_one.detach, to);
}

}  // namespace

void print(const CephFigures& figures, std::FILE* to) {
  print(figures.plugging, to);
  print_heads("A 64 MiB RBD image's ext4 on a path of the host, by the fuse mapper", "", to);
  print_rows("fuse", figures.fuse, Aim::WithHold, Aim::WithHold, to);
  std::fprintf(to, "bare: qemu-storage-daemon, losetup, mount, mount --bind and their reverse as programs; ");
  std::fprintf(to, "%s\n", kLegend);
  print_trips("fuse", figures.fuse.hold, to);
  print(figures.burst, to);
}

void print(const KrbdFigures& figures, std::FILE* to) {
  print_heads("A 64 MiB RBD image's ext4 on a path of a node, by the kernel's rbd (all of the node is emulated)", "", to);
  print_rows("krbd", figures.krbd, Aim::WithHold, Aim::WithHold, to);
  std::fprintf(to, "bare: rbd map, mount, mount --bind and their reverse as programs; ");
  std::fprintf(to, "%s\n", kLegend);
  print_trips("krbd", figures.krbd.hold, to);
}

}  // namespace blockplug::bench
