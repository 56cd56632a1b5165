// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/csi/names.h"

#include <gtest/gtest.h>

#include <set>

#include "volume-plugin/door/ids.h"
#include "volume-plugin/local/name.h"

namespace blockplug::csi {
namespace {
bool takes(const std::string& name) { return local::check_volume_name(name).ok(); }
std::string ours(const std::string& name) { return volume_name(name, "local", takes); }

TEST(CsiNames, OneThatTheBackendTakesStays) {
  EXPECT_EQ(ours("pvc-0c5c1a0e-5f0a-4c6f-9a5c-0f3f5a1b2c3d"), "pvc-0c5c1a0e-5f0a-4c6f-9a5c-0f3f5a1b2c3d");
}

TEST(CsiNames, OddOnesAreTakenAndToldApart) {
  const std::string longest(128, 'a'), other = std::string(127, 'a') + "b";
  const std::vector<std::string> odd{"a/b", "a b", "\xc3\xbc", ".hidden", longest, other, "../../etc/passwd", "-x", "a..b"};
  std::set<std::string> names;
  for (const auto& name : odd) {
    EXPECT_TRUE(check_name(name, "name").ok()) << name;
    EXPECT_TRUE(takes(ours(name))) << name;
    EXPECT_LE(ours(name).size() + 6, kLongestVolumeId) << name;
    EXPECT_EQ(ours(name), ours(name));
    names.insert(ours(name));
  }
  EXPECT_EQ(names.size(), odd.size());
}

TEST(CsiNames, NobodyNamesAHashedOne) {
  const auto hashed = ours("a b");
  EXPECT_TRUE(hashed.starts_with("csi-")) << hashed;
  EXPECT_NE(ours(hashed), hashed);
}

TEST(CsiNames, RefusesWhatIsNoName) {
  for (const auto& name : {std::string{}, std::string(129, 'a'), std::string("a\nb"), std::string("a\0b", 3)})
    EXPECT_EQ(check_name(name, "name").error().code, Code::InvalidArgument);
}

TEST(CsiNames, ASnapshotsIdFitsIntoAField) {
  const VolumeId volume("ceph/" + std::string(kLongestVolumeId - 5, 'v'));
  for (const auto& name : {std::string(128, 's'), std::string("a b"), std::string("snapshot-1"), std::string("blockplug.x")}) {
    const auto made = snapshot_name(name, volume);
    EXPECT_TRUE(check_snapshot_name(made).ok()) << made;
    EXPECT_LE(volume.str().size() + 1 + made.size(), kLongestField) << made;
  }
  EXPECT_EQ(snapshot_name("snapshot-1", volume), "snapshot-1");
}

TEST(CsiNames, KnowsAnUuidAtTheEnd) {
  EXPECT_TRUE(ends_with_uuid("snapshot-0c5c1a0e-5f0a-4c6f-9a5c-0f3f5a1b2c3d"));
  EXPECT_TRUE(ends_with_uuid("0c5c1a0e-5f0a-4c6f-9a5c-0f3f5a1b2c3d"));
  EXPECT_FALSE(ends_with_uuid("snapshot-1"));
  EXPECT_FALSE(ends_with_uuid("snapshot-0c5c1a0e-5f0a-4c6f-9a5c-0f3f5a1b2c3g"));
}
}  // namespace
}  // namespace blockplug::csi
