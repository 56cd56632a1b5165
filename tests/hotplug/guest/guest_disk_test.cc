// SPDX-License-Identifier: Apache-2.0
#include "hotplug/guest/guest_disk.h"

#include <gtest/gtest.h>

#include <fstream>

#include "hotplug/guest/base64.h"
#include "hotplug/guest/guest_mounts.h"

namespace blockplug {
namespace {

// As the lab's guest printed it (busybox, kernel 6.1).
std::string captured(const std::string& name) {
  std::ifstream file(std::string(BLOCKPLUG_SOURCE_DIR) + "/tests/hotplug/guest/data/" + name);
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
      {"no PCI at all", "devices/virtual/block/loop0", {"02.0", 12}, false},
      {"nothing", "", {"02.0", 12}, false},
  };
  for (const auto& row : rows) EXPECT_EQ(is_at(row.place, row.path), row.is_there) << row.name;
}

TEST(GuestMounts, AreReadFromWhatTheKernelSays) {
  const auto mounts = parse_mountinfo(captured("mountinfo"));
  ASSERT_EQ(mounts.size(), 6U);
  const auto* first = topmost_at(mounts, "/mnt/a b/c");
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->number, "254:0");
  EXPECT_EQ(first->source, "/dev/vda");
  EXPECT_EQ(first->filesystem, "ext4");
  EXPECT_EQ(first->root, "/");
  EXPECT_FALSE(first->is_read_only);
  const auto* second = topmost_at(mounts, "/mnt/b");
  ASSERT_NE(second, nullptr);
  EXPECT_TRUE(second->is_read_only);
  EXPECT_FALSE(second->is_filesystem_read_only);
  EXPECT_EQ(topmost_at(mounts, "/mnt"), nullptr);
}

TEST(GuestMounts, OfOnePathTheLastIsOnTop) {
  const auto mounts = parse_mountinfo(
      "24 1 254:0 / /mnt rw shared:1 master:2 - ext4 /dev/vda rw\n25 24 0:30 / /mnt ro - tmpfs none ro,size=1k\ngarbage\n");
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_EQ(topmost_at(mounts, "/mnt")->filesystem, "tmpfs");
  EXPECT_TRUE(topmost_at(mounts, "/mnt")->is_filesystem_read_only);
}

TEST(Base64, IsReadStrictly) {
  EXPECT_EQ(from_base64("").value(), "");
  EXPECT_EQ(from_base64("Zg==").value(), "f");
  EXPECT_EQ(from_base64("Zm8=").value(), "fo");
  EXPECT_EQ(from_base64("Zm9v").value(), "foo");
  EXPECT_EQ(from_base64("/+8A").value(), std::string("\xff\xef\0", 3));
  for (const char* bad : {"Z", "Zg=", "Zm9*", "Zm 9", "===="}) EXPECT_FALSE(from_base64(bad).has_value()) << bad;
}

}  // namespace
}  // namespace blockplug
