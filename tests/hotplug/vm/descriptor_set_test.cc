// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/descriptor_set.h"

#include <sys/stat.h>

#include "tests/hotplug/vm/vm_worlds.h"

namespace blockplug::testing {
namespace {
using Json = nlohmann::json;

TEST(DescriptorSet, NumberTellsTheVolumesFile) {
  const VolumeId volume("local/a");
  const auto shown = path_of_set(new_descriptor_set(volume, "/volumes/a.raw"));
  EXPECT_TRUE(is_set_of(shown, volume, "/volumes/a.raw")) << shown;
  EXPECT_FALSE(is_set_of(shown, VolumeId("local/b"), "/volumes/a.raw")) << shown;
  EXPECT_FALSE(is_set_of(shown, volume, "/volumes/b.raw")) << shown;
  for (const auto* other : {"/dev/fdset/3", "/dev/fdset/", "/dev/fdset/x", "/dev/fdset/-1", "/volumes/a.raw", ""})
    EXPECT_FALSE(is_set_of(other, volume, "/volumes/a.raw")) << other;
}

TEST(DescriptorSet, OfOthersIsNotOurs) {
  const auto sets = Json::parse(R"([{"fdset-id": 1, "fds": [{"fd": 5, "opaque": "rdwr:/images/a"}]}, {"fdset-id": 2, "fds": []},
    {"fdset-id": 3, "fds": [{"fd": 6}, {"fd": 7, "opaque": "blockplug bp.local.a"}]}, {"fdset-id": 4, "fds": [{"opaque": 4}]},
    {"fds": 1}, 7, {"fdset-id": 5, "fds": [{"fd": 8, "opaque": "blockplug nonsense"}]}])");
  EXPECT_EQ(our_sets(sets), (std::map<int, VolumeId>{{3, VolumeId("local/a")}}));
  EXPECT_TRUE(our_sets(Json::object()).empty());
}

// QEMU as user nobody, in its sandbox; the volume's file is root's alone.
class ForeignUser : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
    ASSERT_EQ(::chmod(volume.below.at("image.path").c_str(), 0600), 0);
    ASSERT_TRUE(bench.wait_for_vm("web-0"));
  }
  Json sets() { return bench.as_stranger("web-0", "query-fdsets", Json::object()).value(); }

  TemporaryDirectory directory;
  RealQemu qemu{directory / "vms/web-0", {"-device", "virtio-scsi-pci,id=scsi0", "-runas", "nobody", "-sandbox", "on,spawn=deny"}};
  VmBench bench{directory.path()};
  VmBench::Volume volume = bench.make_volume("data-1", "web-0");
};

TEST_F(ForeignUser, GetsTheFileWithoutAccessToIt) {
  const auto refused = bench.as_stranger("web-0", "blockdev-add",
                                         {{"driver", "file"}, {"node-name", "x"}, {"filename", volume.below.at("image.path")}});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("Permission denied"), std::string::npos) << refused.error().message;

  bench.attach(volume);
  EXPECT_EQ(sets().size(), 1U);
  // Found again by a daemon that knows nothing of it, also once QEMU has opened it anew, for other limits.
  for (const std::int64_t bytes_per_second : {std::int64_t{0}, kMebibyte, std::int64_t{0}}) {
    volume.spec.limits.clear();
    if (bytes_per_second != 0) volume.spec.limits = {{"bytes_per_second", bytes_per_second}};
    EXPECT_EQ(VmBench::text(bench.raise(bench.open, volume)), "done");
    bench.vms.find("web-0")->outdate_inventory();
    EXPECT_EQ(bench.probe(bench.open, volume).standing, Standing::Up) << bench.probe(bench.open, volume).why;
  }
  files::resize_file(volume.below.at("image.path"), 2 * kMebibyte);
  volume.spec.size_bytes = 2 * kMebibyte;
  EXPECT_EQ(VmBench::text(bench.raise(bench.open, volume)), "done");
  EXPECT_TRUE(bench.detach(volume));
  EXPECT_EQ(sets(), Json::array());
}

TEST_F(ForeignUser, ReadsOnlyWhatIsAttachedReadOnly) {
  volume.spec.access = Access::ReadOnly;
  bench.attach(volume);
  EXPECT_EQ(bench.probe(bench.open, volume).standing, Standing::Up);
  EXPECT_TRUE(bench.detach(volume));
  EXPECT_EQ(sets(), Json::array());
}

TEST_F(ForeignUser, WhilePausedKeepsAnOldDescriptorUntilTheNextDetach) {
  bench.attach(volume);
  EXPECT_TRUE(bench.events.wait_until([&] { return VmBench::text(bench.lower(bench.plug, volume)) == "done"; }));
  ASSERT_TRUE(bench.as_stranger("web-0", "stop", Json::object()).ok());
  EXPECT_TRUE(bench.events.wait_until([&] { return VmBench::text(bench.lower(bench.open, volume)) == "done"; }));
  EXPECT_EQ(sets().size(), 1U);  // QEMU's own rule: it closes nothing while it is paused
  ASSERT_TRUE(bench.as_stranger("web-0", "cont", Json::object()).ok());
  auto other = bench.make_volume("data-2", "web-0");
  bench.attach(other);
  EXPECT_TRUE(bench.detach(other));
  EXPECT_EQ(sets(), Json::array());
}

TEST_F(ForeignUser, IsNamedWhereSomethingIsDeniedToHim) {
  class PathSource : public FileSource {
    Result<NodeRecipe> recipe(const Call& call) override {
      auto recipe = TRY(FileSource::recipe(call));
      recipe.file = {};
      auto file = Json::parse(recipe.file_json);
      file["filename"] = call.below.at("image.path");
      recipe.file_json = file.dump();
      return recipe;
    }
  } source;
  Open open{bench.vms, source, "local"};
  const auto text = VmBench::text(bench.raise(open, volume));
  EXPECT_NE(text.find(volume.below.at("image.path") + "': Permission denied; QEMU runs as user 'nobody' (65534)"),
            std::string::npos)
      << text;
}

TEST(FileSource, RefusesAnotherFileThanTheHeldOne) {
  TemporaryDirectory directory;
  FakeQemu fake(FakeQemu::Bus::Scsi);
  FakeMonitor monitor(fake.script());
  place_vm(directory.path(), monitor.path());
  VmBench bench(directory.path());
  ASSERT_TRUE(bench.wait_for_vm("web-0"));
  auto volume = bench.make_volume("data-1", "web-0");
  volume.below["image.id"] = "file:1:2";
  const auto text = VmBench::text(bench.raise(bench.open, volume));
  EXPECT_TRUE(text.starts_with("FAILED_PRECONDITION, none: ") && text.ends_with(": detach the volume, or restore the file"))
      << text;
  EXPECT_TRUE(fake.leftovers().empty());
}

}  // namespace
}  // namespace blockplug::testing
