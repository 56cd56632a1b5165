// SPDX-License-Identifier: Apache-2.0
// The inventory, read from recorded replies of a real QEMU 7.2 (data/, recorded with BLOCKPLUG_ACCEPT=1), and values derived from
// it.
#include "hotplug/vm/inventory.h"

#include <algorithm>
#include <cstdlib>

#include "hotplug/vm/guest_driver.h"
#include "hotplug/vm/inventory_reader.h"
#include "tests/hotplug/vm/vm_worlds.h"
#include "tests/support/paths.h"

namespace blockplug {
namespace {
using nlohmann::json;

std::string data(const std::string& name) { return blockplug::testing::source_path("tests/hotplug/vm/data/" + name + ".json"); }
json load(const std::string& name) { return json::parse(std::ifstream(data(name))); }

// Gives the recorded answers; a command that was not recorded fails the test.
AskQemu replay(const json& recorded) {
  return [&recorded](std::string_view command, const json& arguments) -> Result<json> {
    for (const auto& entry : recorded)
      if (entry["execute"] == command && entry["arguments"] == arguments) {
        if (entry.contains("return")) return json(entry["return"]);
        return no_effect(entry["class"] == "DeviceNotFound" ? Code::NotFound : Code::FailedPrecondition, entry["desc"]);
      }
    ADD_FAILURE() << "not recorded: " << command << " " << arguments.dump();
    return no_effect(Code::Internal, "not recorded");
  };
}

// The setup that data/ was recorded with: one of our disks and a foreign one on each bus, and a volume that is only open.
void record_if_accepted(const std::string& name, std::vector<std::string> more, const json& stranger) {
  if (std::getenv("BLOCKPLUG_ACCEPT") == nullptr) return;
  const testing::TemporaryDirectory directory;
  const testing::RealQemu qemu(directory / "vms/web-0", std::move(more));
  testing::VmBench bench(directory.path());
  ASSERT_TRUE(bench.wait_for_vm("web-0"));
  auto plugged = bench.make_volume("data-1", "web-0"), opened = bench.make_volume("data-2", "web-0");
  plugged.spec.limits = {{"iops", 500}};
  opened.spec.access = Access::ReadOnly;
  bench.attach(plugged);
  EXPECT_EQ(testing::VmBench::text(bench.raise(bench.open, opened)), "done");
  ASSERT_TRUE(bench
                  .as_stranger("web-0", "blockdev-add",
                               {{"driver", "null-co"}, {"node-name", "n1"}, {"size", 1048576}, {"read-zeroes", true}})
                  .ok());
  ASSERT_TRUE(bench.as_stranger("web-0", "device_add", stranger).ok());
  json recorded = json::array();
  const AskQemu ask = [&](std::string_view command, const json& arguments) -> Result<json> {
    auto reply = bench.as_stranger("web-0", std::string(command).c_str(), arguments);
    json entry{{"execute", command}, {"arguments", arguments}};
    if (reply)
      entry["return"] = *reply;
    else
      entry.update(
          {{"class", reply.error().code == Code::NotFound ? "DeviceNotFound" : "GenericError"}, {"desc", reply.error().message}});
    std::string text = entry.dump();
    for (auto at = text.find(directory.path()); at != std::string::npos; at = text.find(directory.path()))
      text.replace(at, directory.path().size(), "/volumes");
    recorded.push_back(json::parse(text));
    return reply;
  };
  EXPECT_TRUE(read_inventory(ask, nullptr).ok());
  std::ofstream file(data(name));
  file << "[";
  for (std::size_t index = 0; index < recorded.size(); ++index) file << (index == 0 ? "\n" : ",\n") << recorded[index].dump();
  file << "\n]\n";
}

const std::string kOpened = node_name(VolumeId("local/data-2"));
const std::string kPlugged = node_name(VolumeId("local/data-1"));

void expect_nodes(const Inventory& inventory) {
  const std::map<std::string, BlockNode> nodes{{kPlugged,
                                                {.name = kPlugged,
                                                 .throttle_group = "bp.local.data-1",
                                                 .source = R"({"driver":"file","filename":"/volumes/data-1.raw"})",
                                                 .is_read_only = false,
                                                 .size_bytes = 1048576}},
                                               {kOpened,
                                                {.name = kOpened,
                                                 .throttle_group = "bp.local.data-2",
                                                 .source = R"({"driver":"file","filename":"/volumes/data-2.raw"})",
                                                 .is_read_only = true,
                                                 .size_bytes = 1048576}}};
  EXPECT_EQ(inventory.nodes, nodes);
  const std::map<std::string, ThrottleLimits> groups{{"bp.local.data-1", {.iops = 500, .bytes_per_second = 0}},
                                                     {"bp.local.data-2", {}}};
  EXPECT_EQ(inventory.throttle_groups, groups);
  EXPECT_EQ(inventory.run_state, "running");
  EXPECT_FALSE(inventory.is_migrating);
}

TEST(Inventory, IsReadFromAVmWithAScsiBus) {
  record_if_accepted(
      "scsi", {"-device", "virtio-scsi-pci,id=scsi0"},
      {{"driver", "scsi-hd"}, {"id", "stranger"}, {"bus", "scsi0.0"}, {"channel", 0}, {"scsi-id", 5}, {"lun", 0}, {"drive", "n1"}});
  const json recorded = load("scsi");
  const auto inventory = read_inventory(replay(recorded), nullptr);
  ASSERT_TRUE(inventory.ok());
  expect_nodes(*inventory);
  const std::map<std::string, Disk> disks{
      {"bp.local.data-1",
       {.id = "bp.local.data-1", .driver = "scsi-hd", .node = kPlugged, .serial = "local.data-1", .bus = "scsi0.0", .scsi_id = 0}}};
  EXPECT_EQ(inventory->disks, disks);
  EXPECT_EQ(inventory->taken_scsi_ids, (std::set{0, 5}));
  ASSERT_TRUE(inventory->layout.scsi.has_value());
  EXPECT_EQ(inventory->layout.scsi->bus, "scsi0.0");
  EXPECT_EQ(std::get<ScsiSlot>(inventory->free_slot().value()).scsi_id, 1);
  EXPECT_EQ(inventory->free_slots(), 254);
}

TEST(Inventory, IsReadFromAVmWithRootPortsOnly) {
  record_if_accepted(
      "ports",
      {"-device", "pcie-root-port,id=cold,chassis=3,slot=3,hotplug=off", "-device", "pcie-root-port,id=port4,chassis=4,slot=4"},
      {{"driver", "virtio-blk-pci"}, {"id", "stranger"}, {"bus", "port2"}, {"addr", "0x0"}, {"drive", "n1"}});
  const json recorded = load("ports");
  const auto inventory = read_inventory(replay(recorded), nullptr);
  ASSERT_TRUE(inventory.ok());
  expect_nodes(*inventory);
  const std::map<std::string, Disk> disks{
      {"bp.local.data-1",
       {.id = "bp.local.data-1", .driver = "virtio-blk-pci", .node = kPlugged, .serial = "local.data-1", .bus = "port1"}}};
  EXPECT_EQ(inventory->disks, disks);
  EXPECT_EQ(inventory->taken_ports, (std::set<std::string>{"port1", "port2"}));
  ASSERT_EQ(inventory->layout.ports.size(), 3U) << "the one that takes no hot-plug is not counted";
  EXPECT_EQ(inventory->layout.ports.front(), (RootPort{"/machine/peripheral/port1/port1", "port1", "00:01.0"}));
  EXPECT_EQ(std::get<PortSlot>(inventory->free_slot().value()).port.bus, "port4");
  EXPECT_EQ(inventory->free_slots(), 1);
}

TEST(Inventory, KnowsPlacesBehindPortsBridgesAndOtherRoots) {
  const testing::TemporaryDirectory directory;
  std::vector<std::string> devices;
  for (const auto* device :
       {"pcie-root-port,id=front,chassis=3,slot=3,addr=7.1", "virtio-scsi-pci,id=scsi0,bus=front",
        "pxb-pcie,id=pxb1,bus_nr=128,bus=pcie.0", "pcie-root-port,id=far,bus=pxb1,chassis=5,slot=5,addr=2",
        "pcie-root-port,id=up,chassis=6,slot=6,addr=8", "x3130-upstream,id=switch,bus=up",
        "xio3130-downstream,id=down,bus=switch,chassis=8,slot=8,addr=3", "pcie-pci-bridge,id=bridge,bus=down"}) {
    devices.emplace_back("-device");
    devices.emplace_back(device);
  }
  const testing::RealQemu qemu(directory / "vms/web-0", devices);
  testing::VmBench bench(directory.path());
  ASSERT_TRUE(bench.wait_for_vm("web-0"));
  const auto inventory = bench.vms.find("web-0")->sight().inventory;
  ASSERT_TRUE(inventory->layout.scsi.has_value());
  EXPECT_EQ(inventory->layout.scsi->pci, "00:07.1/00.0");
  const auto far = std::ranges::find(inventory->layout.ports, "far", &RootPort::bus);
  ASSERT_NE(far, inventory->layout.ports.end());
  EXPECT_EQ(far->pci, "80:02.0");
}

// QEMU 7.2 reads every RBD image in its main loop before it answers query-named-block-nodes, and refuses it whole where one cannot
// be read. Seen as a VM that was blocked with its cluster, and as a fenced volume that could not be detached.
AskQemu without_looking(const json& recorded, int& looks, bool may_look) {
  return [ask = replay(recorded), &looks, may_look](std::string_view command, const json& arguments) -> Result<json> {
    if (command == "query-named-block-nodes") {
      ++looks;
      if (!may_look) return no_effect(Code::FailedPrecondition, "cannot read image start for probe");
    }
    if (command == "query-blockstats")
      return json::array({{{"node-name", kPlugged}}, {{"node-name", kOpened}}, {{"node-name", "n1"}}});
    return ask(command, arguments);
  };
}

TEST(Inventory, AsksNoQuestionThatWaitsForAStorageThatDoesNotAnswer) {
  const json recorded = load("scsi");
  int looks = 0;
  const auto silent = [](const VolumeId&) -> Status { return no_effect(Code::Unavailable, "the cluster is silent"); };
  const auto inventory = read_inventory(without_looking(recorded, looks, true), nullptr, silent);
  ASSERT_TRUE(inventory.ok()) << inventory.error().message;
  EXPECT_EQ(looks, 0);
  ASSERT_EQ(inventory->nodes.size(), 2U);
  const auto& node = inventory->nodes.at(kPlugged);
  EXPECT_TRUE(node.is_known_by_name);
  EXPECT_EQ(node.throttle_group, "bp.local.data-1");
  EXPECT_NE(node.blind.find("the cluster is silent"), std::string::npos) << node.blind;
  EXPECT_EQ(inventory->disks.size(), 1U);
}

TEST(Inventory, KeepsWhatWasKnownOfNodesWhoseImageCannotBeRead) {
  const json recorded = load("scsi");
  int looks = 0;
  const auto before = read_inventory(replay(recorded), nullptr);
  ASSERT_TRUE(before.ok());
  const auto inventory = read_inventory(without_looking(recorded, looks, false), &*before);
  ASSERT_TRUE(inventory.ok()) << inventory.error().message;
  EXPECT_EQ(looks, 1);
  for (auto [name, node] : inventory->nodes) {
    EXPECT_NE(node.blind.find("cannot read image start"), std::string::npos) << node.blind;
    node.blind.clear();
    EXPECT_EQ(node, before->nodes.at(name));
  }
  EXPECT_EQ(inventory->nodes.size(), 2U);
}

TEST(Inventory, GivesPlacesInOrderAndTakesThemBack) {
  Inventory inventory;
  EXPECT_FALSE(inventory.free_slot().has_value());
  EXPECT_NE(inventory.explain_no_slot().find("the VM has none"), std::string::npos);
  for (const char* name : {"a", "b"}) inventory.layout.ports.push_back({.path = {}, .bus = name, .pci = {}});
  inventory.add({.id = "bp.l.1", .driver = "virtio-blk-pci", .node = {}, .serial = {}, .bus = "a"});
  EXPECT_EQ(std::get<PortSlot>(inventory.free_slot().value()).port.bus, "b");
  inventory.add({.id = "bp.l.2", .driver = "virtio-blk-pci", .node = {}, .serial = {}, .bus = "b"});
  EXPECT_FALSE(inventory.free_slot().has_value());
  EXPECT_TRUE(inventory.explain_no_slot().starts_with("no free hot-plug slot (2 of 2 used): "));
  inventory.remove_disk("bp.l.1");
  inventory.remove_disk("bp.l.1");
  EXPECT_EQ(std::get<PortSlot>(inventory.free_slot().value()).port.bus, "a");

  inventory.layout.scsi = ScsiBus{};
  for (int scsi_id = 0; scsi_id < 256; ++scsi_id) inventory.taken_scsi_ids.insert(scsi_id);
  EXPECT_FALSE(inventory.free_slot().has_value());
  EXPECT_TRUE(inventory.explain_no_slot().starts_with("no free hot-plug slot (256 of 256 used): "));
  inventory.taken_scsi_ids.erase(255);
  EXPECT_EQ(std::get<ScsiSlot>(inventory.free_slot().value()).scsi_id, 255);
}

TEST(Inventory, KnowsAMigrationFromEitherSide) {
  for (const char* state : {"inmigrate", "postmigrate", "finish-migrate"}) EXPECT_TRUE(is_migration(state, "")) << state;
  for (const char* status : {"setup", "active", "pre-switchover", "postcopy-active"})
    EXPECT_TRUE(is_migration("running", status)) << status;
  for (const char* status : {"", "none", "completed", "failed", "cancelled"})
    EXPECT_FALSE(is_migration("running", status)) << status;
  for (const char* state : {"paused", "prelaunch", "io-error", "shutdown"}) EXPECT_FALSE(is_migration(state, "")) << state;
}

TEST(Inventory, TellsTheFirmwareFromASystem) {
  const json recorded = load("virtio-status");
  EXPECT_FALSE(is_driven_by_system(recorded["untouched"]));
  EXPECT_FALSE(is_driven_by_system(recorded["seabios"]));
  EXPECT_TRUE(is_driven_by_system(recorded["linux"]));
  EXPECT_FALSE(is_driven_by_system(json()));
}

}  // namespace
}  // namespace blockplug
