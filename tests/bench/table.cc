// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/table.h"

#include <cmath>

namespace blockplug::bench {
namespace {

constexpr Milliseconds kOnTopOfBare{2};
constexpr double kFlat = 1.25;  // of the median among the fewest; what a noisy machine does to two equal medians
constexpr Milliseconds kAnswering{1000};
constexpr double kIdleShare = 0.001;
constexpr double kMebibyte = 1024.0 * 1024.0;

const char* verdict(bool is_met) { return is_met ? "met" : "MISSED"; }

// Of ours - bare - two commits.
Milliseconds error_of(const Samples& bare, const Samples& ours, const Samples& commit) {
  return Milliseconds{std::hypot(bare.median_error().count(), ours.median_error().count(), 2 * commit.median_error().count())};
}

void print_plugging(const char* bus, const char* change, const Samples& bare, const Samples& ours, const Samples& commit,
                    std::FILE* to) {
  const auto rest = ours.median() - bare.median() - 2 * commit.median();
  const auto error = error_of(bare, ours, commit);
  const bool is_clear = std::abs((rest - kOnTopOfBare).count()) > 2 * error.count();
  std::fprintf(to, "%-12s%-8s%7.2f /%7.2f%7.2f /%7.2f%7.2f /%7.2f%7.2f%8.2f +-%5.2f   <= %.0f ms  %s\n", bus, change,
               bare.median().count(), bare.p95().count(), commit.median().count(), commit.p95().count(), ours.median().count(),
               ours.p95().count(), ours.median() / bare.median(), rest.count(), error.count(), kOnTopOfBare.count(),
               is_clear ? verdict(rest <= kOnTopOfBare) : "within the noise");
}

// An aim only where the daemon stands against programs.
void print_mounting(const char* place, const char* change, const Samples& bare, const Samples& ours, const Samples& commit,
                    bool is_aimed, std::FILE* to) {
  const auto more = ours.median() - bare.median(), aim = 2 * commit.median();
  const auto error = error_of(bare, ours, commit);
  const bool is_clear = std::abs((more - aim).count()) > 2 * error.count();
  std::fprintf(to, "%-8s%-8s%8.2f /%8.2f%7.2f /%7.2f%8.2f /%8.2f%9.2f /%8.2f%6.2f /%6.2f", place, change, bare.median().count(),
               bare.p95().count(), commit.median().count(), commit.p95().count(), ours.median().count(), ours.p95().count(),
               more.count(), (ours.p95() - bare.p95()).count(), ours.median() / bare.median(), ours.p95() / bare.p95());
  if (is_aimed)
    std::fprintf(to, "   <= %.2f ms  %s\n", aim.count(), is_clear ? verdict(more <= aim) : "within the noise");
  else
    std::fprintf(to, "   shown\n");
}

void print_line(const char* what, const std::string& measured, const char* aim, const char* met, std::FILE* to) {
  std::fprintf(to, "%-52s%-30s%-14s%s\n", what, measured.c_str(), aim, met);
}

std::string text(const char* format, double first, double second = 0) {
  char buffer[80];
  std::snprintf(buffer, sizeof buffer, format, first, second);
  return buffer;
}

}  // namespace

void print(const PluggingFigures& figures, std::FILE* to) {
  std::fprintf(to, "\nA file volume at a real VM; milliseconds from call to answer, median / p95\n");
  std::fprintf(to, "%-12s%-8s%16s%16s%16s%7s%16s   %s\n", "bus", "", "bare QMP", "one commit", "daemon", "ratio", "d-b-2c", "aim");
  for (const auto& [bus, on] : figures.buses) {
    print_plugging(to_text(bus), "attach", on.bare.attach, on.ours.attach, on.commit.attach, to);
    print_plugging(to_text(bus), "detach", on.bare.detach, on.ours.detach, on.commit.detach, to);
  }
  std::fprintf(
      to,
      "ratio: daemon to bare; d-b-2c: what the daemon takes more than the bare commands and two commits +- its standard error\n");
}

void print(const MountingFigures& figures, std::FILE* to) {
  std::fprintf(to, "\nA 64 MiB file volume's ext4, on a path of the host and in a real VM's guest; milliseconds, median / p95\n");
  std::fprintf(to, "%-8s%-8s%18s%16s%18s%19s%14s   %s\n", "", "", "bare", "one commit", "daemon", "d-b", "ratio", "aim of d-b");
  const auto& [host, format, guest] = figures;
  print_mounting("host", "attach", host.bare.attach, host.ours.attach, host.commit.attach, true, to);
  print_mounting("host", "detach", host.bare.detach, host.ours.detach, host.commit.detach, true, to);
  print_mounting("format", "attach", format.bare.attach, format.ours.attach, format.commit.attach, true, to);
  print_mounting("guest", "attach", guest.bare.attach, guest.ours.attach, guest.commit.attach, false, to);
  print_mounting("guest", "detach", guest.bare.detach, guest.ours.detach, guest.commit.detach, false, to);
  std::fprintf(to,
               "bare: losetup, mount, mount --bind and their reverse as programs; format: with mkfs.ext4 between; guest: the QMP "
               "commands and the agent's\nd-b: what the daemon takes more, its aim: the two commits; ratio: daemon to bare\n");
}

void print(const ScaleFigures& figures, std::FILE* to) {
  std::fprintf(to, "\nThe whole daemon on fake rungs; milliseconds from call to answer, median / p95\n");
  std::fprintf(to, "%-20s%16s%16s%16s%9s   %s\n", "one change among", "empty call", "attach", "detach", "ratio", "aim");
  const auto both = [](const Change& change) { return change.attach.median() + change.detach.median(); };
  for (const auto& [count, among] : figures.among) {
    const auto ratio = both(among.change) / both(figures.among.begin()->second.change);
    std::fprintf(to, "%-20zu%7.2f /%7.2f%7.2f /%7.2f%7.2f /%7.2f%9.2f   flat: <= %.2f  %s\n", count,
                 among.empty_call.median().count(), among.empty_call.p95().count(), among.change.attach.median().count(),
                 among.change.attach.p95().count(), among.change.detach.median().count(), among.change.detach.p95().count(), ratio,
                 kFlat, verdict(ratio <= kFlat));
  }
  const auto per = static_cast<double>(figures.bytes_filled - figures.bytes_empty) / static_cast<double>(figures.filled);
  const auto rate = static_cast<double>(figures.filled) / std::chrono::duration<double>(figures.filling).count();
  std::fprintf(to, "\n");
  for (const auto& [count, restart] : figures.restarts) {
    const bool is_aimed = count == figures.idle_with;
    const auto name = "restart with " + std::to_string(count) + ": exec to ";
    print_line((name + "the first answer").c_str(), text("%.0f ms", restart.answering.median().count()),
               is_aimed ? "< 1000 ms" : "shown", is_aimed ? verdict(restart.answering.median() < kAnswering) : "", to);
    print_line((name + "all probed").c_str(), text("%.0f ms", restart.probed.median().count()), "shown", "", to);
  }
  print_line("resident: 0 attachments, then 10000",
             text("%.1f MiB, %.1f MiB", static_cast<double>(figures.bytes_empty) / kMebibyte,
                  static_cast<double>(figures.bytes_filled) / kMebibyte),
             "shown", "", to);
  print_line("resident: per attachment", text("%.0f bytes", per), "shown", "", to);
  print_line(("idle with " + std::to_string(figures.idle_with) + ": CPU").c_str(),
             text("%.4f %% of a core", figures.idle_share * 100), "< 0.1 %", verdict(figures.idle_share < kIdleShare), to);
  print_line("filling to 10000 by 64 callers at a time", text("%.0f attachments/s", rate), "shown", "", to);
}

}  // namespace blockplug::bench
