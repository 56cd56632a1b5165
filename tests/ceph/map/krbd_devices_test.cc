// SPDX-License-Identifier: Apache-2.0
#include "ceph/map/krbd_devices.h"

#include "tests/ceph/map/paper_sysfs.h"

namespace blockplug::rbd::testing {
namespace {

TEST(KrbdDevices, AreReadAsTheKernelShowsThem) {
  PaperSysfs sysfs;
  sysfs.add("3", {.image = "data", .mark = "bp-mark", .size_bytes = 1 << 20, .access = Access::ReadOnly});
  const auto found = krbd_device(sysfs.root(), "3");
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, (KrbdDevice{.id = "3",
                                .path = "/dev/rbd3",
                                .number = "251:48",
                                .fsid = "f-s-i-d",
                                .pool = "volumes",
                                .name_space = "",
                                .image = "data",
                                .image_id = "id-of-data",
                                .snapshot = "-",
                                .client = "192.0.2.7:0/4711",
                                .mark = "bp-mark",
                                .access = Access::ReadOnly,
                                .size_bytes = 1 << 20}));
}

TEST(KrbdDevices, AreNoneWhereTheModuleIsMissing) {
  PaperSysfs sysfs;
  EXPECT_TRUE(has_krbd(sysfs.root()));
  EXPECT_EQ(krbd_features(sysfs.root()), 0x1bfU);
  sysfs.remove_module();
  EXPECT_FALSE(has_krbd(sysfs.root()));
  EXPECT_TRUE(krbd_devices(sysfs.root()).empty());
  EXPECT_EQ(krbd_features(sysfs.root()), std::nullopt);
}

TEST(KrbdDevices, HaveTheMarkOfTheirOptionsOnly) {
  PaperSysfs sysfs;
  const std::vector<std::pair<std::string, std::string>> rows{
      {"192.0.2.1:6789 name=a,key=bp-x,noshare pool image -", "bp-x"},
      {"192.0.2.1:6789,192.0.2.2:6789 noshare,name=a,key=bp-y pool image -", "bp-y"},
      {"192.0.2.1:6789 name=a,key=client.a pool key=bp-z -", "client.a"},
      {"192.0.2.1:6789 name=a,secret=QUFB pool key=bp-z -", ""},
      {"192.0.2.1:6789 name=a,monkey=bp-x pool image -", ""},
      {"", ""}};
  for (const auto& [config, mark] : rows) {
    sysfs.add("0", {.image = "data", .config = config + "\n"});
    EXPECT_EQ(krbd_device(sysfs.root(), "0")->mark, mark) << config;
  }
}

TEST(KrbdDevices, NameTheFeaturesThatAreMissing) {
  EXPECT_EQ(missing_features(61, 0x1bf, Access::ReadWrite), "");
  EXPECT_EQ(missing_features(61 | 64, 0x1bf, Access::ReadWrite), "journaling");
  EXPECT_EQ(missing_features(61 | 64, 0x1bf, Access::ReadOnly), "") << "a reader needs no journal";
  EXPECT_EQ(missing_features(61 | 2, 0x1, Access::ReadOnly), "striping");
  EXPECT_EQ(missing_features(5, 0x1, Access::ReadWrite), "exclusive-lock");
  EXPECT_EQ(missing_features(std::uint64_t{1} << 11, 0x1bf, Access::ReadOnly), "dirty-cache");
}
}  // namespace
}  // namespace blockplug::rbd::testing
