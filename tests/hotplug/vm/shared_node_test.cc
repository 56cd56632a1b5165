// SPDX-License-Identifier: Apache-2.0
// Other clients of QEMU put something above our block node: a backup job, a mirror, a snapshot's overlay, a filter. With a real
// QEMU.
#include "tests/hotplug/vm/vm_worlds.h"

namespace blockplug::testing {
namespace {
using Json = nlohmann::json;
constexpr std::int64_t kSize = 64 * kMebibyte;  // a job of less is over at once, whatever its speed

class SharedNode : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(bench.wait_for_vm("web-0"));
    bench.attach(volume);
  }
  void stranger(const char* command, const Json& arguments) {
    const auto reply = bench.as_stranger("web-0", command, arguments);
    ASSERT_TRUE(reply.ok()) << command << ": " << reply.error().message;
  }
  void add_null_node(const std::string& name) {
    stranger("blockdev-add", {{"driver", "null-co"}, {"node-name", name}, {"size", kSize}, {"read-zeroes", true}});
  }
  void begin(const char* command, Json more = Json::object()) {
    add_null_node("target");
    more.update({{"job-id", "job0"}, {"device", node}, {"target", "target"}, {"sync", "full"}, {"speed", 1}});
    stranger(command, more);
  }
  void end_job() {
    stranger("block-job-cancel", {{"device", "job0"}, {"force", true}});
    ASSERT_TRUE(bench.events.wait_until([&] {
      const auto jobs = bench.as_stranger("web-0", "query-jobs", Json::object());
      return jobs.ok() && jobs->empty();
    }));
  }
  // Lowers it until it says so: QEMU lets go of an unplugged disk a moment after it is gone.
  bool says(const std::string& text, Rung& rung) {
    return bench.events.wait_until([&] { return VmBench::text(bench.lower(rung, volume)) == text; });
  }
  Finding probe(Rung& rung) {
    EXPECT_TRUE(bench.vms.find("web-0")->inventory(Clock::duration::zero(), Clock::now() + std::chrono::seconds(10), "test").ok());
    return bench.probe(rung, volume);
  }
  void expect_as_before() {
    EXPECT_EQ(probe(bench.plug).standing, Standing::Up);
    EXPECT_EQ(probe(bench.plug).why, "");
    EXPECT_EQ(probe(bench.open).standing, Standing::Up);
  }

  TemporaryDirectory directory;
  RealQemu qemu{directory / "vms/web-0", {"-device", "virtio-scsi-pci,id=scsi0"}};
  VmBench bench{directory.path()};
  VmBench::Volume volume = bench.make_volume("data-1", "web-0", kSize);
  const std::string node = node_name(volume.id());
};

TEST_F(SharedNode, IsKeptWhileABlockJobRunsAndWhatItCannotDoWaits) {
  for (const auto* command : {"blockdev-backup", "blockdev-mirror"}) {
    bench.events.clear();
    begin(command);
    EXPECT_TRUE(bench.events.wait_for("doubt vm:web-0")) << command;  // by the event alone
    const auto type = std::string(command).substr(9);
    const auto found = bench.probe(bench.plug, volume);
    EXPECT_EQ(found.standing, Standing::Up) << found.why;
    EXPECT_EQ(found.why, "the block job 'job0' (" + type + ") runs on it");
    EXPECT_EQ(found.facts, volume.plug_before);
    EXPECT_EQ(probe(bench.open).standing, Standing::Up);
    EXPECT_EQ(VmBench::text(bench.raise(bench.plug, volume)), "done");
    EXPECT_EQ(VmBench::text(bench.lower(bench.plug, volume)),
              "waiting: the block job 'job0' (" + type + ") runs on it; it is unplugged when that has ended");
    files::resize_file(volume.below.at("image.path"), 2 * kSize);
    volume.spec.size_bytes = 2 * kSize;
    EXPECT_EQ(VmBench::text(bench.raise(bench.open, volume)),
              "waiting: the block job 'job0' (" + type + ") runs on it in VM web-0; it is grown when that has ended");
    end_job();
    EXPECT_EQ(VmBench::text(bench.raise(bench.open, volume)), "done");
    expect_as_before();
    stranger("blockdev-del", {{"node-name", "target"}});
    ASSERT_TRUE(bench.detach(volume));
    volume = bench.make_volume("data-1", "web-0", kSize);
    bench.attach(volume);
  }
}

TEST_F(SharedNode, IsToldBelowASnapshotsOverlayAndIsClosedWhenThatIsGone) {
  const auto file = directory / "overlay.qcow2";
  ASSERT_EQ(::system(("qemu-img create -q -f qcow2 " + file + " 64M").c_str()), 0);  // NOLINT: a path of this test
  stranger(
      "blockdev-add",
      {{"driver", "qcow2"}, {"node-name", "overlay"}, {"file", {{"driver", "file"}, {"filename", file}}}, {"backing", nullptr}});
  stranger("blockdev-snapshot", {{"node", node}, {"overlay", "overlay"}});
  const auto found = probe(bench.plug);
  EXPECT_EQ(found.standing, Standing::Up) << found.why;
  EXPECT_EQ(found.why, "block node 'overlay', a snapshot's overlay is between the disk and the volume");
  ASSERT_TRUE(says("done", bench.plug));
  EXPECT_TRUE(says("waiting: QEMU still uses the block node, by block node 'overlay'", bench.open));
  ASSERT_TRUE(bench.events.wait_until([&] { return bench.as_stranger("web-0", "blockdev-del", {{"node-name", "overlay"}}).ok(); }));
  EXPECT_EQ(VmBench::text(bench.lower(bench.open, volume)), "done");
}

TEST_F(SharedNode, IsToldBelowSomebodysFilter) {
  stranger("object-add", {{"qom-type", "throttle-group"}, {"id", "theirs"}});
  stranger("blockdev-add", {{"driver", "throttle"}, {"node-name", "filter"}, {"throttle-group", "theirs"}, {"file", node}});
  expect_as_before();  // beside the disk
  EXPECT_EQ(VmBench::text(bench.lower(bench.open, volume)),
            "waiting: QEMU still uses the block node, by block node 'filter', device bp.local.data-1");
  ASSERT_TRUE(says("done", bench.plug));
  EXPECT_TRUE(says("waiting: QEMU still uses the block node, by block node 'filter'", bench.open));
  stranger("device_add", {{"driver", "scsi-hd"}, {"id", "bp.local.data-1"}, {"bus", "scsi0.0"}, {"drive", "filter"}});
  const auto found = probe(bench.plug);
  EXPECT_EQ(found.standing, Standing::Up) << found.why;
  EXPECT_EQ(found.why, "block node 'filter' is between the disk and the volume");
}

TEST_F(SharedNode, IsNotTakenForWhatTheDiskReadsAfterAMirrorHasMovedIt) {
  begin("blockdev-mirror");
  stranger("block-job-set-speed", {{"device", "job0"}, {"speed", 0}});
  ASSERT_TRUE(bench.events.wait_until([&] { return bench.as_stranger("web-0", "block-job-complete", {{"device", "job0"}}).ok(); }));
  ASSERT_TRUE(bench.events.wait_until([&] {
    const auto jobs = bench.as_stranger("web-0", "query-jobs", Json::object());
    return jobs.ok() && jobs->empty();
  }));
  const auto found = probe(bench.plug);
  EXPECT_EQ(found.standing, Standing::Foreign);
  EXPECT_EQ(found.why, "device bp.local.data-1 in VM web-0 has the block node 'target', which belongs to another volume");
}

// Seen: QEMU 7.2 crashes in block_resize after device_del of a scsi-hd, until DEVICE_DELETED.
TEST(GrowingADiskThatIsBeingUnplugged, WaitsForItsEnd) {
  TemporaryDirectory directory;
  FakeQemu qemu{FakeQemu::Bus::Scsi};
  FakeMonitor monitor{qemu.script()};
  place_vm(directory.path(), monitor.path());
  VmBench bench{directory.path()};
  ASSERT_TRUE(bench.wait_for_vm("web-0"));
  auto volume = bench.make_volume("data-1", "web-0");
  bench.attach(volume);
  qemu.set_guest(FakeQemu::Guest::Keeps);
  EXPECT_NE(VmBench::text(bench.lower(bench.plug, volume)), "done");
  files::resize_file(volume.below.at("image.path"), 2 * kMebibyte);
  volume.spec.size_bytes = 2 * kMebibyte;
  EXPECT_TRUE(VmBench::text(bench.raise(bench.open, volume)).starts_with("waiting: the disk is being unplugged"));
  EXPECT_EQ(qemu.size_of(node_name(volume.id())), kMebibyte);
  qemu.release_all();
  ASSERT_TRUE(bench.events.wait_for("touch local/data-1"));
  EXPECT_EQ(VmBench::text(bench.raise(bench.open, volume)), "done");
  EXPECT_EQ(qemu.size_of(node_name(volume.id())), 2 * kMebibyte);
}

}  // namespace
}  // namespace blockplug::testing
