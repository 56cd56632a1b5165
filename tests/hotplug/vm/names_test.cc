// SPDX-License-Identifier: Apache-2.0
#include "hotplug/names.h"

#include <gtest/gtest.h>

#include <set>

namespace blockplug {
namespace {

TEST(Names, OfADeviceCanBeReadBack) {
  for (const char* volume : {"local/data-1", "ceph/a.b..c", "cinder/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", "local/bp.local.x"})
    EXPECT_EQ(volume_of(device_id(VolumeId(volume))), VolumeId(volume)) << device_id(VolumeId(volume));
}

TEST(Names, OfOthersAreNotTakenForOurs) {
  for (const char* device : {"", "scsi0", "bp", "bp.", "bp.local", "bp.local.", "bp..data", "xbp.local.data"})
    EXPECT_EQ(volume_of(device), std::nullopt) << device;
}

TEST(Names, OfANodeFitIntoQemuAndDiffer) {
  std::set<std::string> names;
  for (int number = 0; number < 10000; ++number) {
    const std::string name = node_name(VolumeId("local/data-" + std::to_string(number)));
    EXPECT_EQ(name.size(), 29U);
    EXPECT_TRUE(names.insert(name.substr(0, 16)).second) << name;  // alike ones do not even look alike
  }
}

// Nodes of an earlier version must be found again: whoever changes this leaves running VMs behind.
TEST(Names, OfANodeNeverChange) { EXPECT_EQ(node_name(VolumeId("local/data-1")), "bp-veegc4oesvdn6xdt66p3hityxb"); }

TEST(Names, OfASerialAreHashedWhereTheBusWouldCutThem) {
  const VolumeId uuid("cinder/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0");
  EXPECT_EQ(serial_of(uuid, kScsiSerialLength), "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0");
  EXPECT_EQ(serial_of(uuid, kVirtioBlkSerialLength).size(), kVirtioBlkSerialLength);
  EXPECT_EQ(serial_of(VolumeId("local/12345678901234567890"), kVirtioBlkSerialLength), "12345678901234567890");
  EXPECT_NE(serial_of(VolumeId("local/123456789012345678901"), kVirtioBlkSerialLength), "12345678901234567890");
}

}  // namespace
}  // namespace blockplug
