// SPDX-License-Identifier: Apache-2.0
// What a VM with many disks is asked: each command takes QEMU's main loop a moment.
#include <functional>
#include <thread>

#include "tests/hotplug/vm/keyed_source.h"
#include "tests/hotplug/vm/vm_worlds.h"

namespace blockplug::testing {
namespace {

class ManyDisks : public ::testing::Test {
 protected:
  void SetUp() override {
    place_vm(directory.path(), monitor.path());
    ASSERT_TRUE(bench.wait_for_vm("web-0"));
  }
  // The commands of this attach.
  std::vector<std::string> attach_one() {
    volumes.push_back(bench.make_volume("data-" + std::to_string(volumes.size()), "web-0"));
    qemu.forget_commands();
    bench.attach(volumes.back());
    return qemu.commands();
  }
  std::size_t commands_of_a_reading() {
    bench.vms.find("web-0")->outdate_inventory();
    qemu.forget_commands();
    EXPECT_EQ(bench.probe(bench.plug, volumes.front()).standing, Standing::Up);
    return qemu.commands().size();
  }

  TemporaryDirectory directory;
  FakeQemu qemu{FakeQemu::Bus::Scsi};
  FakeMonitor monitor{qemu.script()};
  VmBench bench{directory.path()};
  std::vector<VmBench::Volume> volumes;
};

TEST_F(ManyDisks, TheLastAttachCostsAsManyCommandsAsTheFirst) {
  const auto first = attach_one();
  EXPECT_EQ(first, (std::vector<std::string>{"object-add", "add-fd", "blockdev-add", "device_add"}));
  while (volumes.size() < 60) EXPECT_EQ(attach_one(), first) << volumes.size();
}

TEST_F(ManyDisks, AReadingAsksFiveThingsOfEach) {
  attach_one();
  const auto of_one = commands_of_a_reading();
  while (volumes.size() < 11) attach_one();
  EXPECT_EQ(commands_of_a_reading() - of_one, 10 * 5U);
}

TEST_F(ManyDisks, AllSurveysShareOneReading) {
  attach_one();
  commands_of_a_reading();
  qemu.forget_commands();
  EXPECT_EQ(bench.open.survey(Clock::now() + std::chrono::minutes(1)).size(), 1U);
  EXPECT_EQ(bench.plug.survey(Clock::now() + std::chrono::minutes(1)).size(), 1U);
  EXPECT_EQ(qemu.commands(), std::vector<std::string>{});
}

TEST_F(ManyDisks, PlacesOfStrangersBesideOursAreKnown) {
  attach_one();
  ASSERT_TRUE(
      bench.as_stranger("web-0", "blockdev-add", {{"driver", "file"}, {"node-name", "theirs"}, {"filename", "/dev/null"}}).ok());
  ASSERT_TRUE(bench
                  .as_stranger("web-0", "device_add",
                               {{"driver", "scsi-hd"}, {"id", "theirs"}, {"bus", "scsi0.0"}, {"drive", "theirs"}, {"scsi-id", 1}})
                  .ok());
  commands_of_a_reading();
  attach_one();
  EXPECT_EQ(volumes.back().plug_before.at("guest.scsi_id"), "2");
}

// As images of a cluster are: the lane of that is wider than one.
TEST(SideBySide, ImagesAreOpenedInOneVm) {
  TemporaryDirectory directory;
  FakeQemu qemu{FakeQemu::Bus::Scsi};
  FakeMonitor monitor{qemu.script()};
  KeyedSource source;
  VmBench bench{directory.path(), &source};
  place_vm(directory.path(), monitor.path());
  ASSERT_TRUE(bench.wait_for_vm("web-0"));
  std::vector<VmBench::Volume> volumes;
  for (int number = 0; number < 24; ++number) volumes.push_back(bench.make_volume("data-" + std::to_string(number), "web-0"));
  const auto at_once = [&](const std::function<void(VmBench::Volume&)>& act) {
    std::vector<std::thread> threads;
    for (std::size_t first = 0; first < 8; ++first)
      threads.emplace_back([&, first] {
        for (auto each = first; each < volumes.size(); each += 8) act(volumes[each]);
      });
    for (auto& thread : threads) thread.join();
  };
  at_once([&](VmBench::Volume& volume) { EXPECT_EQ(VmBench::text(bench.raise(bench.open, volume)), "done"); });
  bench.vms.find("web-0")->outdate_inventory();
  at_once([&](VmBench::Volume& volume) { EXPECT_EQ(bench.probe(bench.open, volume).standing, Standing::Up) << volume.name; });
  for (auto& volume : volumes) EXPECT_EQ(VmBench::text(bench.raise(bench.plug, volume)), "done");
  for (auto& volume : volumes) EXPECT_TRUE(bench.detach(volume));
  at_once([&](VmBench::Volume& volume) { EXPECT_EQ(VmBench::text(bench.raise(bench.open, volume)), "done"); });
  at_once([&](VmBench::Volume& volume) { EXPECT_EQ(VmBench::text(bench.lower(bench.open, volume)), "done"); });
  bench.vms.find("web-0")->outdate_inventory();
  EXPECT_TRUE(bench.open.survey(Clock::now() + std::chrono::minutes(1)).empty()) << "groups and nodes are gone";
}

}  // namespace
}  // namespace blockplug::testing
