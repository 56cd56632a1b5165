// SPDX-License-Identifier: Apache-2.0
// The store of the version before, with disks plugged and paths mounted, is taken over. data/ has it as text.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "tests/attach-detach/file_store.h"
#include "tests/attach-detach/rungs.h"
#include "tests/support/paths.h"

namespace blockplug::test {
namespace {

class StoreOfSchema2 : public ::testing::Test {
 protected:
  StoreOfSchema2() {
    std::ifstream file(blockplug::testing::source_path("tests/attach-detach/data/store_of_schema_2.sql"));
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_FALSE(text.empty());
    sqlite3* handle = nullptr;
    EXPECT_EQ(sqlite3_open((directory_.path() + "/store.db").c_str(), &handle), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(handle, text.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(handle);
    sqlite3_close(handle);
  }
  Saved loaded() {
    auto store = SqliteStore::open(directory_.path(), {false});
    EXPECT_TRUE(store.ok()) << (store.ok() ? "" : store.error().message);
    auto saved = store.ok() ? (*store)->load() : Result<Saved>(store.error());
    EXPECT_TRUE(saved.ok());
    return saved.ok() ? std::move(*saved) : Saved{};
  }
  static Attachment attachment(const Saved& saved, const std::string& volume, const std::string& target) {
    for (const auto& each : saved.volumes)
      if (each.id == VolumeId(volume)) return each.attachments.at(TargetId(target));
    ADD_FAILURE() << "no " << volume;
    return {};
  }
  static const Facts& facts(const Attachment& attachment, const RungKind& kind, const std::string& leaf = {}) {
    return attachment.rung({kind, leaf}).facts;
  }

  TempDirectory directory_;
};

const Facts kProcess{{"process.pid", "4711"}, {"process.start", "123456"}, {"process.boot", "boot-1"}};
Facts with_process(Facts facts) {
  facts.insert(kProcess.begin(), kProcess.end());
  return facts;
}

TEST_F(StoreOfSchema2, IsTakenOverWithADiskOfALocalVolumeMountedInItsGuest) {
  const auto saved = loaded();
  const auto disk = attachment(saved, "local/a", "vm:web-0");
  EXPECT_TRUE(disk.desired.attached);
  EXPECT_EQ(disk.rung({rungs::kPlug, {}}).state, RungState::Up);
  EXPECT_EQ(facts(disk, rungs::kHold), (Facts{{"image.id", "file:64768:1312"},
                                              {"image.path", "/var/lib/blockplug/volumes/a.raw"},
                                              {"image.size_bytes", "1073741824"},
                                              {"image.direct", "true"},
                                              {"image.never_written", "true"},
                                              {"image.boot", "boot-1"}}));
  EXPECT_EQ(facts(disk, rungs::kOpen), with_process({{"node.name", "bp-node-of-local-a"}}));
  EXPECT_EQ(facts(disk, rungs::kPlug), with_process({{"guest.device", "bp.local.a"},
                                                     {"guest.bus", "scsi0.0"},
                                                     {"guest.pci", "0000:00:05.0"},
                                                     {"guest.scsi_id", "1"},
                                                     {"guest.serial", "a"}}));
  EXPECT_EQ(facts(disk, rungs::kGuestMount, "/mnt/a"), with_process({{"guest.disk", "/dev/sda"},
                                                                     {"mount.filesystem", "ext4"},
                                                                     {"mount.formatting", "0f3c2a1e-9b7d-4c55-8a10-d2f4b6e81c37"},
                                                                     {"mount.made", "/mnt/a"},
                                                                     {"mount.size_bytes", "1073741824"}}));
}

TEST_F(StoreOfSchema2, IsTakenOverWithALocalVolumeMountedAtAPath) {
  const auto saved = loaded();
  const auto mounted = attachment(saved, "local/b", "host");
  EXPECT_TRUE(mounted.desired.leaves.contains({rungs::kPublish, "/srv/b"}));
  EXPECT_EQ(facts(mounted, rungs::kMap), (Facts{{"device.path", "/dev/loop3"},
                                                {"device.number", "7:3"},
                                                {"device.size_bytes", "1073741824"},
                                                {"device.direct", "true"}}));
  EXPECT_EQ(facts(mounted, rungs::kStage), (Facts{{"mount.path", "/run/blockplug/stage/local/b"},
                                                  {"mount.number", "7:3"},
                                                  {"mount.device", "/dev/loop3"},
                                                  {"mount.filesystem", "ext4"},
                                                  {"mount.uuid", "1c8f3a4e-0000-4000-8000-000000000001"},
                                                  {"mount.size_bytes", "1073741824"}}));
  EXPECT_EQ(facts(mounted, rungs::kPublish, "/srv/b"), (Facts{{"mount.path", "/srv/b"}, {"mount.number", "7:3"}}));
}

TEST_F(StoreOfSchema2, IsTakenOverWithRbdVolumes) {
  const auto saved = loaded();
  const auto disk = attachment(saved, "ceph/a", "vm:web-0");
  EXPECT_EQ(disk.desired.spec.limits.at("iops"), 500);
  EXPECT_EQ(facts(disk, rungs::kHold), (Facts{{"image.id", "rbd:4b1f/volumes//10a7"},
                                              {"image.rbd_id", "10a7"},
                                              {"image.pool", "volumes"},
                                              {"image.namespace", ""},
                                              {"image.name", "a"},
                                              {"image.size_bytes", "4194304"},
                                              {"image.never_written", "false"},
                                              {"hold.since", "2026-01-02T03:04:05Z"}}));
  EXPECT_EQ(facts(disk, rungs::kOwn), (Facts{{"image.client", "192.0.2.7:0/4711"}}));
  EXPECT_EQ(facts(disk, rungs::kPlug).at("guest.address"), "0x0");
  const auto raw = attachment(saved, "ceph/b", "host");
  EXPECT_EQ(facts(raw, rungs::kHold).at("image.namespace"), "space");
  EXPECT_EQ(facts(raw, rungs::kMap), (Facts{{"device.path", "/dev/rbd0"},
                                            {"device.number", "251:0"},
                                            {"device.size_bytes", "4194304"},
                                            {"device.mapper", "krbd"},
                                            {"device.client", "192.0.2.7:0/12"}}));
  EXPECT_EQ(facts(raw, rungs::kOwn), (Facts{{"image.client", "unknown"}, {"image.client_why", "several"}}));
  EXPECT_EQ(facts(raw, rungs::kPublish, "/srv/raw"),
            (Facts{{"mount.path", "/srv/raw"}, {"mount.number", "251:0"}, {"mount.device", "/dev/rbd0"}}));
}

// What the core itself reads is called as before, and so are the arguments of orders.
TEST_F(StoreOfSchema2, KeepsFencedHoldsAndOrders) {
  const auto saved = loaded();
  EXPECT_TRUE(is_fenced(attachment(saved, "ceph/c", "vm:web-0").rung({rungs::kHold, {}})));
  EXPECT_EQ(saved.last_order, 7);
  const auto ordered = std::ranges::find(saved.volumes, VolumeId("ceph/c"), &Volume::id);
  ASSERT_NE(ordered, saved.volumes.end());
  EXPECT_EQ(ordered->orders.at(0).order.arguments, (Facts{{"size_bytes", "8388608"}}));
}

TEST_F(StoreOfSchema2, IsTakenOverOnce) {
  const auto first = loaded(), second = loaded();
  ASSERT_EQ(second.volumes.size(), first.volumes.size());
  for (std::size_t index = 0; index < first.volumes.size(); ++index)
    for (const auto& [target, attachment] : first.volumes[index].attachments)
      for (const auto& [id, record] : attachment.rungs)
        EXPECT_EQ(second.volumes[index].attachments.at(target).rung(id).facts, record.facts) << to_text(id);
}

}  // namespace
}  // namespace blockplug::test
