// SPDX-License-Identifier: Apache-2.0
#include "hotplug/guest/guest_disk.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/paths.h"

namespace blockplug {
namespace {

// Output of the lab's guest (busybox, kernel 6.1).
std::string captured(const std::string& name) {
  std::ifstream file(blockplug::testing::source_path("tests/hotplug/guest/data/" + name));
  std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_FALSE(text.empty()) << name;
  return text;
}

TEST(GuestDisk, IsFoundByItsPlace) {
  const auto scsi = captured("sys-block-scsi"), virtio = captured("sys-block-virtio-blk");
  EXPECT_EQ(disk_name_at({"02.0", 3}, scsi), "sda");
  EXPECT_EQ(disk_name_at({"02.0", 7}, scsi), "sdb");
  EXPECT_EQ(disk_name_at({"02.0", 0}, scsi), "");
  EXPECT_EQ(disk_name_at({"03.0", 7}, scsi), "");
  EXPECT_EQ(disk_name_at({"02.0", -1}, scsi), "");
  EXPECT_EQ(disk_name_at({"03.0", -1}, virtio), "vda");
  EXPECT_EQ(disk_name_at({"02.0", -1}, virtio), "");
  EXPECT_EQ(disk_name_at({"03.0", 0}, virtio), "");
}

TEST(GuestDisk, IsNotTakenForItsNeighbour) {
  struct Row {
    const char* name;
    const char* path;
    DiskPlace place;
    bool is_there;
  };
  const std::vector<Row> rows{
      {"a port's disk", "devices/pci0000:00/0000:00:0a.0/0000:09:00.0/virtio7/block/vdb", {"0a.0", -1}, true},
      {"another bus number", "devices/pci0000:00/0000:00:0a.0/0000:42:00.0/virtio7/block/vdb", {"0a.0", -1}, true},
      {"another slot of the port", "devices/pci0000:00/0000:00:0a.0/0000:09:01.0/virtio7/block/vdb", {"0a.0", -1}, false},
      {"behind a bridge of the port",
       "devices/pci0000:00/0000:00:0a.0/0000:09:00.0/0000:0a:00.0/virtio7/block/vdb",
       {"0a.0", -1},
       false},
      {"a controller in a port",
       "devices/pci0000:00/0000:00:0a.0/0000:09:00.0/virtio7/host0/target0:0:0/0:0:0:0/block/sda",
       {"0a.0", -1},
       false},
      {"another root bus", "devices/pci0000:80/0000:80:0a.0/0000:81:00.0/virtio7/block/vdb", {"0a.0", -1}, false},
      {"an NVMe in the port", "devices/pci0000:00/0000:00:0a.0/0000:09:00.0/nvme/nvme0/nvme0n1", {"0a.0", -1}, false},
      {"a SCSI disk", "devices/pci0000:00/0000:00:02.0/virtio1/host2/target2:0:12/2:0:12:0/block/sdc", {"02.0", 12}, true},
      {"another channel", "devices/pci0000:00/0000:00:02.0/virtio1/host2/target2:1:12/2:1:12:0/block/sdc", {"02.0", 12}, false},
      {"another unit", "devices/pci0000:00/0000:00:02.0/virtio1/host2/target2:0:12/2:0:12:1/block/sdc", {"02.0", 12}, false},
      {"another controller", "devices/pci0000:00/0000:00:04.0/virtio1/host2/target2:0:12/2:0:12:0/block/sdc", {"02.0", 12}, false},
      {"a controller behind a root port",
       "devices/pci0000:00/0000:00:02.1/0000:03:00.0/virtio1/host0/target0:0:1/0:0:1:0/block/sda",
       {"00:02.1/00.0", 1},
       true},
      {"its neighbour on the root bus",
       "devices/pci0000:00/0000:00:02.1/virtio1/host0/target0:0:1/0:0:1:0/block/sda",
       {"00:02.1/00.0", 1},
       false},
      {"a controller behind another port",
       "devices/pci0000:00/0000:00:02.2/0000:03:00.0/virtio1/host0/target0:0:1/0:0:1:0/block/sda",
       {"00:02.1/00.0", 1},
       false},
      {"a controller behind a port below it",
       "devices/pci0000:00/0000:00:02.1/0000:03:00.0/0000:04:00.0/virtio1/host0/target0:0:1/0:0:1:0/block/sda",
       {"00:02.1/00.0", 1},
       false},
      {"a port's disk below another root", "devices/pci0000:80/0000:80:00.0/0000:81:00.0/virtio7/block/vdb", {"80:00.0", -1}, true},
      {"a port's disk below a switch",
       "devices/pci0000:80/0000:80:00.0/0000:81:00.0/0000:82:01.0/0000:83:00.0/virtio7/block/vdb",
       {"80:00.0/00.0/01.0", -1},
       true},
      {"no PCI at all", "devices/virtual/block/loop0", {"02.0", 12}, false},
      {"nothing", "", {"02.0", 12}, false},
  };
  for (const auto& row : rows) EXPECT_EQ(is_at(row.place, row.path), row.is_there) << row.name;
}

}  // namespace
}  // namespace blockplug
