// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/names.h"

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
    EXPECT_TRUE(names.insert(name.substr(0, 16)).second) << name;  // similar names give different hashes
  }
}

// Nodes of an earlier version must be found again: changing this loses the disks of running VMs.
TEST(Names, OfANodeNeverChange) { EXPECT_EQ(node_name(VolumeId("local/data-1")), "bp-veegc4oesvdn6xdt66p3hityxb"); }

TEST(Names, OfASerialAreHashedWhereTheBusWouldCutThem) {
  EXPECT_EQ(serial_of(VolumeId("local/data-1"), kScsiSerialLength), "local.data-1");
  EXPECT_EQ(serial_of(VolumeId("local/12345678901234"), kVirtioBlkSerialLength), "local.12345678901234");
  const auto hashed = serial_of(VolumeId("local/123456789012345"), kVirtioBlkSerialLength);
  EXPECT_EQ(hashed.size(), kVirtioBlkSerialLength);
  EXPECT_EQ(hashed.find('.'), std::string::npos) << hashed;  // never that of a short name
}

TEST(Names, OfSerialsDifferForTheSameNameOfTwoBackends) {
  for (const auto* name : {"same", "pvc-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"})
    for (const auto longest : {kScsiSerialLength, kVirtioBlkSerialLength})
      EXPECT_NE(serial_of(VolumeId(std::string("local/") + name), longest),
                serial_of(VolumeId(std::string("ceph/") + name), longest));
}

}  // namespace
}  // namespace blockplug
