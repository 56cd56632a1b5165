// SPDX-License-Identifier: Apache-2.0
#include "ceph/map/krbd_verbs.h"

#include "tests/ceph/map/paper_sysfs.h"

namespace blockplug::rbd::testing {
namespace {

Facts desired() {
  return {{"monitors", "192.0.2.1:6789,[2001:db8::1]:6789"},
          {"ms_mode", ""},
          {"user", "blockplug"},
          {"keyrings", "/nothing"},
          {"mark", "bp-mark"},
          {"access", "rw"},
          {"pool", "volumes"},
          {"namespace", ""},
          {"image", "data"},
          {"osd_timeout_seconds", "0"}};
}

Facts with(Facts facts, const std::string& name, const std::string& value) {
  facts[name] = value;
  return facts;
}

TEST(KrbdLine, SaysWhatTheKernelIsToMap) {
  const std::string before = "192.0.2.1:6789,[2001:db8::1]:6789 name=blockplug,key=bp-mark,noshare,mount_timeout=5,lock_timeout=20";
  EXPECT_EQ(*krbd_line(desired()), before + " volumes data -");
  EXPECT_EQ(*krbd_line(with(desired(), "access", "ro")), before + ",ro volumes data -");
  EXPECT_EQ(*krbd_line(with(desired(), "namespace", "space")), before + ",_pool_ns=space volumes data -");
  EXPECT_EQ(*krbd_line(with(desired(), "ms_mode", "prefer-crc")), before + ",ms_mode=prefer-crc volumes data -");
  EXPECT_EQ(*krbd_line(with(desired(), "osd_timeout_seconds", "30")), before + ",osd_request_timeout=30 volumes data -");
}

TEST(KrbdLine, RefusesWordsThatWouldBeTakenForOthers) {
  for (const char* name : {"user", "mark", "pool", "namespace", "image", "ms_mode", "osd_timeout_seconds"}) {
    for (const char* tail : {" x", ",secret=x", "\nx", "\tx", "\x7f"}) {
      const auto line = krbd_line(with(desired(), name, "bp-a" + std::string(tail)));
      ASSERT_FALSE(line.ok()) << name << tail;
      EXPECT_EQ(line.error().code, Code::InvalidArgument);
      EXPECT_NE(line.error().message.find(name), std::string::npos) << line.error().message;
    }
  }
  for (const char* name : {"monitors", "user", "mark", "access", "pool", "image", "osd_timeout_seconds"})
    EXPECT_FALSE(krbd_line(with(desired(), name, "")).ok()) << name;
  EXPECT_FALSE(krbd_line(with(desired(), "monitors", "192.0.2.1 name=x")).ok());
  EXPECT_FALSE(krbd_line(with(desired(), "mark", "client.a")).ok());
  EXPECT_FALSE(krbd_line(with(desired(), "access", "w")).ok());
}

class KrbdVerbs : public ::testing::Test {
 protected:
  Result<Facts> run(const std::string& verb, Facts arguments) {
    arguments["sysfs"] = sysfs_.root();
    return krbd_verbs().at(verb)(arguments);
  }
  PaperSysfs sysfs_;
};

TEST_F(KrbdVerbs, MapNothingThatIsMappedAlready) {
  sysfs_.add("7", {.image = "data"});
  EXPECT_EQ(run("krbd-map", desired())->at("id"), "7");
  EXPECT_EQ(sysfs_.told("add_single_major"), "");
}

TEST_F(KrbdVerbs, MapNothingWithoutAKey) {
  sysfs_.add("7", {.image = "data", .mark = "bp-other"});
  for (const auto& each : {desired(), with(desired(), "image", "other"), with(desired(), "access", "ro")}) {
    const auto mapped = run("krbd-map", each);
    ASSERT_FALSE(mapped.ok());
    EXPECT_EQ(mapped.error().effect, Effect::None);
    EXPECT_NE(mapped.error().message.find("no key of client.blockplug in /nothing"), std::string::npos) << mapped.error().message;
  }
  EXPECT_EQ(sysfs_.told("add_single_major"), "");
}

TEST_F(KrbdVerbs, UnmapOursByWhicheverFileThereIs) {
  sysfs_.add("7", {.image = "data"});
  EXPECT_TRUE(run("krbd-unmap", {{"id", "7"}, {"mark", "bp-mark"}}).ok());
  EXPECT_EQ(sysfs_.told("remove_single_major"), "7");
  sysfs_.rename("remove_single_major", "remove");
  sysfs_.add("8", {.image = "data"});
  EXPECT_TRUE(run("krbd-unmap", {{"id", "8"}, {"mark", "bp-mark"}}).ok());
  EXPECT_EQ(sysfs_.told("remove"), "8");
}

TEST_F(KrbdVerbs, TouchNothingOfAnotherMark) {
  sysfs_.add("7", {.image = "data", .mark = "client.admin"});
  EXPECT_TRUE(run("krbd-unmap", {{"id", "7"}, {"mark", "bp-mark"}}).ok());
  EXPECT_TRUE(run("krbd-unmap", {{"id", "9"}, {"mark", "bp-mark"}}).ok()) << "it is gone";
  EXPECT_EQ(sysfs_.told("remove_single_major"), "");
  EXPECT_EQ(run("krbd-refresh", {{"id", "7"}, {"mark", "bp-mark"}}).error().code, Code::FailedPrecondition);
  EXPECT_EQ(sysfs_.told("devices/7/refresh"), "");
}

TEST_F(KrbdVerbs, RefreshOurs) {
  sysfs_.add("7", {.image = "data"});
  EXPECT_TRUE(run("krbd-refresh", {{"id", "7"}, {"mark", "bp-mark"}}).ok());
  EXPECT_EQ(sysfs_.told("devices/7/refresh"), "1");
}

TEST_F(KrbdVerbs, LoadNoOtherModule) { EXPECT_EQ(run("load-module", {{"module", "nbd"}}).error().code, Code::InvalidArgument); }
}  // namespace
}  // namespace blockplug::rbd::testing
