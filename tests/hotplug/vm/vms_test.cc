// SPDX-License-Identifier: Apache-2.0
// VMs that appear, stop answering and disappear. Protocol faults are tested with fakes, process lifetimes with real processes.
#include "tests/hotplug/vm/vm_worlds.h"
#include "tests/support/process_census.h"

namespace blockplug::testing {
namespace {

class VmsTest : public ::testing::Test {
 protected:
  // The monitor's socket under a VM's name.
  void put(const std::string& vm, const FakeMonitor& monitor) const {
    files::create_directories(directory / ("vms/" + vm));
    files::create_symlink(monitor.path(), directory / ("vms/" + vm + "/new"));
    files::rename(directory / ("vms/" + vm + "/new"), directory / ("vms/" + vm + "/qmp.sock"));
  }
  static bool becomes(VmBench& bench, const std::string& vm, const std::string& state) {
    return bench.events.wait_until([&] { return bench.state_of(vm) == state; });
  }
  static std::string why(const VmBench& bench, const std::string& vm) {
    for (const auto& state : bench.vms.list())
      if (state.id == vm) return state.why;
    return {};
  }
  TemporaryDirectory directory;
};

TEST_F(VmsTest, ConnectsWhereNotEvenTheDirectoryWasThere) {
  VmBench bench(directory.path());
  EXPECT_FALSE(bench.vms.has_socket("web-0"));
  EXPECT_EQ(bench.vms.find("web-0"), nullptr);
  FakeQemu qemu(FakeQemu::Bus::Scsi);
  const FakeMonitor monitor(qemu.script());
  put("web-0", monitor);
  EXPECT_TRUE(bench.wait_for_vm("web-0"));
  EXPECT_TRUE(bench.events.wait_for("doubt vm:web-0"));
  EXPECT_TRUE(bench.vms.has_socket("web-0"));
  ASSERT_EQ(bench.vms.list().size(), 1U);
  const VmState state = bench.vms.list().front();
  EXPECT_EQ(state.state, "running");
  EXPECT_EQ(state.bus, "scsi");
  EXPECT_EQ(state.free_slots, 256);
  EXPECT_EQ(state.process->pid, ::getpid());
}

TEST_F(VmsTest, IgnoresNamesThatNoVmMayHaveAndSaysSo) {
  files::create_directories(directory / "vms/a b");
  FakeQemu qemu(FakeQemu::Bus::Scsi);
  const FakeMonitor monitor(qemu.script());
  put("good", monitor);
  VmBench bench(directory.path());
  EXPECT_TRUE(bench.wait_for_vm("good"));
  EXPECT_EQ(bench.vms.list().size(), 1U);
  ASSERT_EQ(bench.vms.notes().size(), 1U);
  EXPECT_NE(bench.vms.notes().front().find("'a b'"), std::string::npos);
}

TEST_F(VmsTest, SilenceAndNonsenseDelayNobodyElse) {
  const FakeMonitor silent([](MonitorEnd& end) { end.wait_until_gone(); });
  const FakeMonitor nonsense([](MonitorEnd& end) { end.send("220 mail.example.org ESMTP\r\n"); });
  put("silent", silent);
  put("nonsense", nonsense);
  VmBench bench(directory.path());
  FakeQemu qemu(FakeQemu::Bus::Scsi);
  const FakeMonitor monitor(qemu.script());
  put("web-0", monitor);
  const auto started = Clock::now();
  EXPECT_TRUE(bench.wait_for_vm("web-0"));
  EXPECT_LT(Clock::now() - started, std::chrono::milliseconds(1500));  // less than the time limit of a greeting
  EXPECT_TRUE(becomes(bench, "silent", "silent"));
  EXPECT_TRUE(becomes(bench, "nonsense", "silent"));
  EXPECT_NE(why(bench, "silent").find("greeting"), std::string::npos) << why(bench, "silent");
  auto volume = bench.make_volume("data-1", "silent");
  EXPECT_TRUE(VmBench::text(bench.raise(bench.open, volume)).starts_with("waiting: VM silent does not answer yet: "));
}

TEST_F(VmsTest, ConnectsAgainAfterALostConnection) {
  FakeQemu qemu(FakeQemu::Bus::Scsi);
  const FakeMonitor monitor(qemu.script());
  put("web-0", monitor);
  VmBench bench(directory.path());
  ASSERT_TRUE(bench.wait_for_vm("web-0"));
  auto volume = bench.make_volume("data-1", "web-0");
  bench.attach(volume);
  bench.events.clear();
  qemu.hang_up();
  static_cast<void>(bench.as_stranger("web-0", "query-status", nlohmann::json::object()));
  EXPECT_TRUE(bench.events.wait_until([&] { return bench.events.count("doubt vm:web-0") >= 2; }));  // it disappeared and reappeared
  EXPECT_EQ(bench.probe(bench.plug, volume).standing, Standing::Up);
}

TEST_F(VmsTest, KeepsTheOldConnectionUntilItEndsWhenANewSocketComes) {
  FakeQemu old_qemu(FakeQemu::Bus::Scsi), new_qemu(FakeQemu::Bus::VirtioBlk);
  const FakeMonitor old_monitor(old_qemu.script()), new_monitor(new_qemu.script());
  put("web-0", old_monitor);
  VmBench bench(directory.path());
  ASSERT_TRUE(bench.wait_for_vm("web-0"));
  put("web-0", new_monitor);
  put("web-1", old_monitor);  // once this one is seen, the new socket has been seen too
  ASSERT_TRUE(bench.events.wait_until([&] { return bench.vms.find("web-1") != nullptr; }));
  EXPECT_EQ(bench.vms.list().front().bus, "scsi");
  EXPECT_TRUE(new_qemu.commands().empty());
  files::remove_all(directory / "vms/web-1");
  old_qemu.hang_up();
  static_cast<void>(bench.as_stranger("web-0", "query-status", nlohmann::json::object()));
  EXPECT_TRUE(bench.events.wait_until([&] { return bench.vms.list().front().bus == "virtio-blk"; }));
}

TEST_F(VmsTest, AnUnansweredCommandLeavesTheVmUncertainUntilTheReplyComes) {
  FakeQemu qemu(FakeQemu::Bus::Scsi);
  const FakeMonitor monitor(qemu.script());
  put("web-0", monitor);
  VmBench bench(directory.path());
  ASSERT_TRUE(bench.wait_for_vm("web-0"));
  auto volume = bench.make_volume("data-1", "web-0");
  qemu.hold_next("blockdev-add");
  EXPECT_EQ(VmBench::text(bench.raise(bench.open, volume, std::chrono::seconds(2))),
            "DEADLINE_EXCEEDED, unknown: blockdev-add: no reply in time");
  EXPECT_EQ(bench.state_of("web-0"), "silent");
  EXPECT_EQ(bench.probe(bench.open, volume).standing, Standing::Unknown);
  EXPECT_TRUE(VmBench::text(bench.lower(bench.open, volume)).starts_with("waiting: VM web-0 has not answered the last command"));
  bench.events.clear();
  qemu.resume_replies();
  EXPECT_TRUE(bench.events.wait_for("doubt vm:web-0"));
  EXPECT_EQ(bench.probe(bench.open, volume).standing, Standing::Up);
}

TEST_F(VmsTest, ProbesWithinASecondShareOneReading) {
  FakeQemu qemu(FakeQemu::Bus::Scsi);
  const FakeMonitor monitor(qemu.script());
  put("web-0", monitor);
  VmBench bench(directory.path());
  ASSERT_TRUE(bench.wait_for_vm("web-0"));
  static_cast<void>(bench.vms.find("web-0")->inventory(Clock::duration::zero(), Clock::now() + std::chrono::seconds(10), "test"));
  qemu.forget_commands();
  for (const char* name : {"a", "b", "c"}) {
    auto volume = bench.make_volume(name, "web-0");
    EXPECT_EQ(bench.probe(bench.open, volume).standing, Standing::Down);
    EXPECT_EQ(bench.probe(bench.plug, volume).standing, Standing::Down);
  }
  const auto commands = qemu.commands();
  EXPECT_LE(std::count(commands.begin(), commands.end(), "query-status"), 1);  // one more on a very slow machine
}

TEST_F(VmsTest, AVmIsGoneOnlyWhenItsProcessIs) {
  RealQemu qemu(directory / "vms/web-0", {"-device", "virtio-scsi-pci,id=scsi0"});
  VmBench bench(directory.path());
  ASSERT_TRUE(bench.wait_for_vm("web-0"));
  auto volume = bench.make_volume("data-1", "web-0");
  bench.attach(volume);
  EXPECT_EQ(volume.open_before.at("process.pid"), std::to_string(qemu.pid()));

  files::remove(qemu.socket());
  EXPECT_TRUE(bench.vms.has_socket("web-0"));  // we are still connected
  EXPECT_EQ(bench.probe(bench.open, volume).standing, Standing::Up);

  bench.events.clear();
  qemu.end();
  EXPECT_TRUE(bench.events.wait_for("doubt vm:web-0"));
  EXPECT_TRUE(bench.events.wait_until([&] { return bench.vms.find("web-0") == nullptr; }));
  EXPECT_EQ(bench.probe(bench.plug, volume).standing, Standing::Down);
  EXPECT_EQ(bench.probe(bench.open, volume).standing, Standing::Down);
  EXPECT_EQ(VmBench::text(bench.lower(bench.plug, volume)), "done");
  EXPECT_EQ(VmBench::text(bench.lower(bench.open, volume)), "done");
  EXPECT_EQ(VmBench::text(bench.raise(bench.open, volume)), "waiting: VM web-0 is not running");
}

TEST_F(VmsTest, AProcessWithoutASocketIsUncertainAlsoInTheNextLife) {
  RealQemu qemu(directory / "vms/web-0");
  auto first = std::make_unique<VmBench>(directory.path());
  ASSERT_TRUE(first->wait_for_vm("web-0"));
  auto volume = first->make_volume("data-1", "web-0");
  first->attach(volume);
  first.reset();
  files::remove(qemu.socket());

  VmBench second(directory.path());
  auto unrecorded = second.make_volume("data-2", "web-0");  // its facts were lost in a crash
  EXPECT_EQ(second.probe(second.open, volume).standing, Standing::Unknown);
  EXPECT_EQ(second.probe(second.open, unrecorded).standing, Standing::Unknown);
  EXPECT_TRUE(VmBench::text(second.lower(second.plug, volume)).starts_with("waiting: VM web-0 does not answer, and its process "));
  EXPECT_EQ(second.state_of("web-0"), "silent");
  EXPECT_TRUE(second.vms.list().front().why.starts_with("its socket is gone: " + qemu.socket())) << second.vms.list().front().why;

  RealQemu other(directory / "vms/web-0");  // a new VM of the same name, while the old one may still write
  ASSERT_TRUE(second.wait_for_vm("web-0"));
  EXPECT_EQ(second.probe(second.open, volume).standing, Standing::Unknown);
  EXPECT_TRUE(VmBench::text(second.raise(second.open, volume)).starts_with("waiting: VM web-0 has a new process"));
  EXPECT_TRUE(VmBench::text(second.raise(second.open, unrecorded)).starts_with("waiting: VM web-0 has a new process"));

  second.events.clear();
  qemu.end();
  EXPECT_TRUE(second.events.wait_for("doubt vm:web-0"));
  EXPECT_TRUE(second.events.wait_until([&] { return second.probe(second.open, volume).standing == Standing::Down; }));
  EXPECT_EQ(VmBench::text(second.raise(second.open, volume)), "done");
}

TEST_F(VmsTest, LeavesNoThreadAndNoDescriptorBehind) {
  FakeQemu qemu(FakeQemu::Bus::Scsi);
  const FakeMonitor monitor(qemu.script());
  const FakeMonitor silent([](MonitorEnd& end) { end.wait_until_gone(); });
  put("web-0", monitor);
  put("silent", silent);
  { VmBench warm_up((directory / "elsewhere")); }
  const auto before = ProcessCensus::now();
  {
    VmBench bench(directory.path());
    ASSERT_TRUE(bench.wait_for_vm("web-0"));
  }
  const auto after = ProcessCensus::once([&](const ProcessCensus& seen) { return seen.threads == before.threads; });
  EXPECT_EQ(after.threads, before.threads);
  EXPECT_LE(after.fds, before.fds + 2);  // the fakes' ends of the two connections stay open until the fakes are destroyed
}

TEST_F(VmsTest, RefusesAPatternThatIsNone) {
  for (const char* pattern : {"", "run/{vm}", "/run/vms/qmp.sock", "/run/{vm}/{vm}", "/run/{vm}/", "/run//{vm}"}) {
    EventLog events;
    Vms vms({pattern, ""}, events);
    const auto started = vms.start();
    ASSERT_FALSE(started.ok()) << pattern;
    EXPECT_EQ(started.error().code, Code::InvalidArgument);
  }
}

}  // namespace
}  // namespace blockplug::testing
