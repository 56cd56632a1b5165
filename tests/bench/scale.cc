// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/scale.h"

#include <filesystem>
#include <thread>

#include "tests/bench/daemon_process.h"
#include "tests/bench/fake_world.h"

namespace blockplug::bench {
namespace {

constexpr std::size_t kFew = 100, kMany = 10'000, kMost = 100'000, kRestarted = 1'000;
constexpr std::size_t kWarmUp = 256;
constexpr std::chrono::seconds kCalm{3};  // what a start leaves to do is done by then

DaemonPlace place(const ScaleSettings& settings, const std::string& name) {
  return {settings.program, settings.directory + "/" + name};
}

Status fill_by_calls(DaemonProcess& daemon, ScaleFigures& figures) {
  // First the threads and arenas that any busy daemon has.
  TRY(daemon.caller().attach_all(fake_attachments(kWarmUp)));
  TRY(daemon.caller().detach_all(fake_attachments(kWarmUp)));
  TRY(daemon.wait_until_quiet(0));
  figures.bytes_empty = daemon.resident_bytes();
  const auto begun = Clock::now();
  TRY(daemon.caller().attach_all(fake_attachments(kMany)));
  figures.filling = Clock::now() - begun;
  figures.filled = kMany;
  TRY(daemon.wait_until_quiet(kMany));
  figures.bytes_filled = daemon.resident_bytes();
  return Ok{};
}

Status time_change(AdminCaller& caller, const AttachmentKey& key, ScaleFigures::Among& among) {
  const auto begun = Clock::now();
  TRY(caller.greet());
  const auto greeted = Clock::now();
  TRY(caller.attach(key));
  const auto attached = Clock::now();
  TRY(caller.detach(key));
  among.empty_call.add(greeted - begun);
  among.change.attach.add(attached - greeted);
  among.change.detach.add(Clock::now() - attached);
  return Ok{};
}

Result<std::unique_ptr<DaemonProcess>> restart(const DaemonPlace& where, std::size_t attachments, ScaleFigures& figures) {
  auto daemon = TRY(DaemonProcess::start(where));
  auto& restart = figures.restarts[attachments];
  restart.answering.add(daemon->time_to_answer());
  restart.probed.add(TRY(daemon->wait_until_quiet(attachments)) - daemon->begun());
  return daemon;
}

// The daemons take turns, so that what else the machine does falls on all alike.
Status measure_changes(const ScaleSettings& settings, ScaleFigures& figures) {
  TRY(prefill(place(settings, "most").state(), kMost));
  const auto few = TRY(DaemonProcess::start(place(settings, "few")));
  TRY(few->caller().attach_all(fake_attachments(kFew)));
  const auto many = TRY(DaemonProcess::start(place(settings, "many")));
  TRY(fill_by_calls(*many, figures));
  const auto most = TRY(restart(place(settings, "most"), kMost, figures));
  const std::map<std::size_t, DaemonProcess*> daemons{{kFew, few.get()}, {kMany, many.get()}, {kMost, most.get()}};
  for (std::size_t cycle = 0; cycle < settings.cycles; ++cycle)
    for (const auto& [count, daemon] : daemons)
      TRY(time_change(daemon->caller(), {VolumeId("local/one-more"), fake_attachment(cycle % kFew).target}, figures.among[count]));
  return Ok{};
}

Status measure_restart(const ScaleSettings& settings, ScaleFigures& figures) {
  const auto where = place(settings, "restarted");
  figures.idle_with = kRestarted;
  TRY(prefill(where.state(), kRestarted));
  std::unique_ptr<DaemonProcess> daemon;
  for (std::size_t count = 0; count < settings.restarts; ++count) {
    daemon.reset();
    daemon = TRY(restart(where, kRestarted, figures));
  }
  daemon->hang_up();
  std::this_thread::sleep_for(kCalm);
  const auto begun = Clock::now();
  const auto used = daemon->cpu_time();
  std::this_thread::sleep_for(settings.idle);
  figures.idle_share = Milliseconds(daemon->cpu_time() - used) / Milliseconds(Clock::now() - begun);
  return Ok{};
}

}  // namespace

Result<ScaleFigures> measure_scale(const ScaleSettings& settings) {
  ScaleFigures figures;
  TRY(measure_changes(settings, figures));
  for (const char* name : {"few", "many", "most"}) std::filesystem::remove_all(place(settings, name).directory);
  TRY(measure_restart(settings, figures));
  return figures;
}

}  // namespace blockplug::bench
