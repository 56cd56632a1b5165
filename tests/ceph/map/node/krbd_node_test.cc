// SPDX-License-Identifier: Apache-2.0
#include "tests/ceph/map/node/krbd_node.h"

#include <fcntl.h>

#include <fstream>

#include "ceph/map/krbd_map.h"
#include "ceph/map/krbd_verbs.h"
#include "hotplug/host/device_mark.h"
#include "hotplug/host/file_descriptor.h"
#include "hotplug/rungs.h"

namespace blockplug::rbd::testing {
namespace {
namespace fs = std::filesystem;

class KrbdMapOnNode : public KrbdNode {
 protected:
  Result<Facts> verb(const std::string& name, const Facts& arguments) { return krbd_verbs().at(name)(arguments); }
  bool unmap(const std::string& id) {
    return verb("krbd-unmap", {{"sysfs", "/sys"}, {"id", id}, {"mark", foreign_desired().at("mark")}}).ok();
  }
  static Header header(std::uint64_t features) {
    Header header;
    header.features = features;
    return header;
  }
};

// The contract of every rung.
TEST_F(KrbdMapOnNode, KeepsTheContractOfARung) {
  EXPECT_EQ(map_->unfit(call(), header(kDefaultFeatures)), std::nullopt);
  hold();
  EXPECT_EQ(probe().standing, Standing::Down);
  EXPECT_TRUE(devices().empty()) << "probe changed something";
  done(map_->lower(call()));
  const auto facts = raise();
  EXPECT_EQ(raise(), facts) << "raised twice";
  ASSERT_EQ(devices().size(), 1U);
  EXPECT_EQ(facts.at("device.mapper"), "krbd");
  EXPECT_EQ(facts.at("device.size_bytes"), std::to_string(spec_.size_bytes));
  EXPECT_EQ(run("stat -c '%Hr:%Lr' " + facts.at("device.path")).output, facts.at("device.number"));
  EXPECT_EQ(run("blockdev --getsize64 " + facts.at("device.path")).output, facts.at("device.size_bytes"));
  const auto finding = probe();
  EXPECT_EQ(finding.standing, Standing::Up) << finding.why;
  EXPECT_EQ(finding.facts, facts);
  EXPECT_EQ(write_to(facts.at("device.path"), "hello"), "");
  EXPECT_EQ(read_from(facts.at("device.path"), 5), "hello");
  lower();
  done(map_->lower(call()));
  EXPECT_TRUE(devices().empty());
  EXPECT_EQ(probe().standing, Standing::Down);
}

TEST_F(KrbdMapOnNode, FindsItsDeviceAgainAfterACrashByItsMark) {
  hold();
  const auto facts = raise();
  before_ = {};  // it crashed before the outcome was stored
  const auto restarted = make_map();
  EXPECT_EQ(restarted->probe(call()).facts, facts);
  EXPECT_EQ(done(restarted->raise(call())), facts);
  const auto found = restarted->survey(Clock::now() + std::chrono::minutes(1));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].key, key_);
  EXPECT_EQ(found[0].kind, rungs::kMap);
  EXPECT_EQ(found[0].facts, facts);
  const auto below = std::exchange(below_, {});  // an orphan: nothing else is known
  done(restarted->lower(call()));
  below_ = below;
  EXPECT_TRUE(devices().empty());
  expect_text(std::exchange(before_, facts).empty() ? probe().why : "", "it was unmapped by another program");
}

TEST_F(KrbdMapOnNode, TellsOwnWhichClientItIsAlsoWhereItOnlyReads) {
  for (const auto access : {Access::ReadWrite, Access::ReadOnly}) {
    hold(access);
    const auto facts = raise();
    EXPECT_EQ(own_.probe(call(rungs::kOwn)).standing, Standing::Down);
    EXPECT_EQ(own()["image.client"], facts.at("device.client"));
    EXPECT_EQ(own()["image.client"], facts.at("device.client"));
    EXPECT_TRUE(facts.at("device.client").starts_with("10.99.0.2:0/")) << facts.at("device.client");
    EXPECT_EQ(watchers(), "") << "others than those that the hold names";
    const auto held = backend_.find(key_.volume);
    ASSERT_TRUE(held.ok() && held->holders.size() == 1U);
    EXPECT_EQ(held->holders[0].clients, std::vector<std::string>{facts.at("device.client")});
    EXPECT_EQ(own_.probe(call(rungs::kOwn)).standing, Standing::Up);
    lower();
    done(hold_.lower(call(rungs::kHold)));
    below_ = {};
  }
}

TEST_F(KrbdMapOnNode, ShowsItsMarkAndNeverItsKey) {
  hold();
  raise();
  const auto key = cluster().key()->reveal();
  ASSERT_GE(key.size(), 40U);
  EXPECT_EQ(devices().at(0).mark, device_mark("node-1", key_.volume));
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator("/sys/devices/rbd")) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file{entry.path()};
    std::string text;  // some files cannot be read
    for (std::string line; std::getline(file, line);) text += line;
    EXPECT_EQ(text.find(key), std::string::npos) << entry.path();
    files += text.empty() ? 0 : 1;
  }
  EXPECT_GT(files, 10);
  EXPECT_EQ(run("cat /proc/keys").output.find("bp-"), std::string::npos) << "the kernel's keyrings still have it";
  lower();
}

TEST_F(KrbdMapOnNode, MapsReadOnlyAndChangesTheAccessWhereItIsDesiredOtherwise) {
  hold(Access::ReadOnly);
  const auto device = raise()["device.path"];
  EXPECT_NE(write_to(device, "no"), "");
  EXPECT_EQ(run("blockdev --setrw " + device + "; blockdev --getro " + device).output.back(), '1') << "it can be made writable";
  spec_.access = Access::ReadWrite;
  const auto stale = probe();
  EXPECT_EQ(stale.standing, Standing::Stale);
  expect_text(stale.why, "is mapped read-only, desired: read-write");
  done(hold_.lower(call(rungs::kHold)));  // like the core: everything is lowered, and raised again
  hold();
  EXPECT_EQ(write_to(raise()["device.path"], "yes"), "");
  EXPECT_EQ(devices().size(), 1U);
  lower();
}

TEST_F(KrbdMapOnNode, GrowsWithItsImageAlsoWhereItOnlyReads) {
  for (const auto access : {Access::ReadWrite, Access::ReadOnly}) {
    hold(access);
    const auto device = raise()["device.path"];
    own();
    FileDescriptor user(::open(device.c_str(), O_RDONLY | O_CLOEXEC));
    spec_.size_bytes += 8 * kMiB;
    const auto refused = error(map_->raise(call()));
    expect_text(refused.message, "the image is smaller than the volume");
    done(perform(OrderKind::Resize, {{"size_bytes", std::to_string(spec_.size_bytes)}}));
    const auto facts = raise();
    EXPECT_EQ(facts.at("device.path"), device);
    EXPECT_EQ(facts.at("device.size_bytes"), std::to_string(spec_.size_bytes));
    EXPECT_EQ(run("blockdev --getsize64 " + device).output, std::to_string(spec_.size_bytes));
    EXPECT_EQ(probe().standing, Standing::Up);
    EXPECT_EQ(own_.probe(call(rungs::kOwn)).standing, Standing::Up);
    user = {};
    lower();
    done(hold_.lower(call(rungs::kHold)));
    below_ = {};
  }
}

TEST_F(KrbdMapOnNode, WaitsForWhoeverUsesItAndIsBrokenByAHole) {
  hold();
  const auto device = raise()["device.path"];
  const auto place = directory_ / "mnt";
  fs::create_directory(place);
  ASSERT_EQ(run("mkfs.ext4 -q " + device + " && mount " + device + " " + place.native()).exit_code, 0);
  expect_text(waiting(map_->lower(call())), device + " is still in use by the mount on " + place.native());
  const auto broken = error(map_->lower(call(rungs::kMap, LowerReason::GapBelow)));
  EXPECT_EQ(broken.code, Code::FailedPrecondition);
  EXPECT_EQ(broken.effect, Effect::None);
  EXPECT_EQ(probe().standing, Standing::Up);
  EXPECT_EQ(run("touch " + (place / "still-there").native() + " && umount " + place.native()).exit_code, 0);
  {
    const FileDescriptor open(::open(device.c_str(), O_RDONLY | O_CLOEXEC));
    expect_text(waiting(map_->lower(call())), "process " + std::to_string(::getpid()) + " (");
  }
  lower();
}

TEST_F(KrbdMapOnNode, LetsAloneWhatOthersMappedOfTheSameImage) {
  hold();
  const auto theirs =
      run("rbd -c " + (ceph_directory() / "blockplug.conf").native() + " --id blockplug map volumes/" + name_of(key_.volume));
  ASSERT_EQ(theirs.exit_code, 0) << theirs.output;
  EXPECT_EQ(probe().standing, Standing::Down);
  EXPECT_TRUE(map_->survey(Clock::now() + std::chrono::minutes(1)).empty());
  const auto device = raise()["device.path"];
  EXPECT_NE(device, theirs.output);
  const auto other = make_map("node-2");
  EXPECT_EQ(other->probe(call()).standing, Standing::Down);
  EXPECT_TRUE(other->survey(Clock::now() + std::chrono::minutes(1)).empty());
  done(other->lower(call()));
  EXPECT_EQ(devices().size(), 2U);
  lower();
  ASSERT_EQ(devices().size(), 1U);
  EXPECT_EQ(devices()[0].path, theirs.output);
  before_ = {{"device.path", theirs.output}};
  expect_text(probe().why, " now maps volumes/");
  EXPECT_EQ(run("rbd unmap " + theirs.output).exit_code, 0);
}

TEST_F(KrbdMapOnNode, KeepsOneOfTwoMappingsOfItsOwn) {
  hold();
  const auto facts = raise();
  auto second = foreign_desired();
  second["mark"] = device_mark("node-1", key_.volume);
  second["access"] = "ro";
  ASSERT_TRUE(verb("krbd-map", second).ok());
  ASSERT_EQ(devices().size(), 2U);
  expect_text(probe().why, "it is mapped twice: on " + facts.at("device.path"));
  EXPECT_EQ(raise(), facts);
  EXPECT_EQ(devices().size(), 1U);
  lower();
}

TEST_F(KrbdMapOnNode, UnmapsAnImageThatReplacedTheOneThatIsHeld) {
  hold();
  const auto held = below_["image.id"];
  below_["image.id"] = held + "0";  // as if the one that is there now were another
  const auto refused = error(map_->raise(call()));
  EXPECT_EQ(refused.code, Code::FailedPrecondition);
  expect_text(refused.message, "it was replaced");
  EXPECT_TRUE(devices().empty());
  below_["image.id"] = held;
}

// The volume's own name is another image's.
TEST_F(KrbdMapOnNode, MapsTheImageThatFactsBelowNameAndFindsItsVolumeByTheHold) {
  const auto perform_on_other = [&](OrderKind kind, Facts arguments) {
    const Order order{.id = 1, .volume = VolumeId{key_.volume.str() + "-other"}, .kind = kind, .arguments = std::move(arguments)};
    const Facts nothing;
    done(backend_.perform(
        {.order = order, .before = nothing, .deadline = Time::max(), .stop = {}, .operation = "test", .journal = journal_}));
  };
  perform_on_other(OrderKind::Create, {{"size_bytes", std::to_string(spec_.size_bytes)}});
  const auto other = name_of(key_.volume) + "-other";
  below_ = {{"image.name", other}};
  hold();
  const auto facts = raise();
  ASSERT_EQ(devices().size(), 1U);
  EXPECT_EQ(devices()[0].image, other);
  EXPECT_EQ(probe().standing, Standing::Up) << probe().why;
  EXPECT_EQ(own()["image.client"], facts.at("device.client"));
  const auto found = map_->survey(Clock::now() + std::chrono::minutes(1));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].key, key_);
  lower();
  done(hold_.lower(call(rungs::kHold)));
  below_ = {};
  perform_on_other(OrderKind::Delete, {});
}

TEST_F(KrbdMapOnNode, RefusesLimitsAndSaysWhatElseToDo) {
  hold();
  raise();
  spec_.limits["iops"] = 100;  // as another node's order does, while it is mapped
  EXPECT_EQ(probe().standing, Standing::Up);
  expect_text(probe().why, "limits are not enforced");
  raise();  // for its size, say
  EXPECT_EQ(devices().size(), 1U);
  lower();
  const auto refused = error(map_->raise(call()));
  EXPECT_EQ(refused.code, Code::FailedPrecondition);
  EXPECT_EQ(refused.effect, Effect::None);
  expect_text(refused.message, "`mapper: fuse`");
  expect_text(*map_->unfit(call(), header(kDefaultFeatures)), "krbd does not support limits");
  EXPECT_TRUE(devices().empty());
  spec_.limits["iops"] = 0;
  raise();
  EXPECT_EQ(probe().standing, Standing::Up);
  lower();
}

TEST_F(KrbdMapOnNode, SaysInWordsWhyTheKernelRefuses) {
  const auto refusal = [&](const std::string& name, const std::string& value) {
    auto desired = foreign_desired();
    desired[name] = value;
    const auto mapped = verb("krbd-map", desired);
    EXPECT_FALSE(mapped.ok()) << name;
    EXPECT_TRUE(!mapped.ok() || unmap(mapped->at("id")));
    return mapped.ok() ? Error{} : mapped.error();
  };
  const auto wrong = directory_ / "wrong.keyring";
  std::ofstream{wrong} << "[client.blockplug]\nkey = AQAAAAAAAAAAABAAQUFBQUFBQUFBQUFBQUFBQQ==\n";
  struct {
    const char *name, *value;
    Code code;
    const char* text;
  } const rows[]{{"image", "nothing", Code::NotFound, "the pool, namespace or image does not exist"},
                 {"pool", "nopool", Code::NotFound, "the pool, namespace or image does not exist"},
                 {"namespace", "nospace", Code::NotFound, "the pool, namespace or image does not exist"},
                 {"keyrings", wrong.c_str(), Code::PermissionDenied, "the cluster refuses client.blockplug"},
                 {"keyrings", "/nothing", Code::NotFound, "no key of client.blockplug in /nothing"},
                 {"ms_mode", "nonsense", Code::InvalidArgument, "rejects the request as invalid"},
                 {"monitors", "10.99.0.1:1", Code::Unavailable, "neither the monitors at 10.99.0.1:1"}};
  for (const auto& row : rows) {
    const auto refused = refusal(row.name, row.value);
    EXPECT_EQ(refused.code, row.code) << row.name << " " << row.value << ": " << refused.message;
    EXPECT_EQ(refused.effect, Effect::None);
    expect_text(refused.message, row.text);
  }
  EXPECT_TRUE(devices().empty());
}

TEST_F(KrbdMapOnNode, SpeaksTheNewProtocolWhereTheMonitorsHaveNoOther) {
  const auto monitor = cluster().monitors()->front();
  auto desired = foreign_desired();
  desired["monitors"] = monitor.host + ":" + monitor.port;
  desired["ms_mode"] = "prefer-crc";
  const auto mapped = verb("krbd-map", desired);
  ASSERT_TRUE(mapped.ok()) << mapped.error().message;
  EXPECT_EQ(watchers(), devices().at(0).client + " ");
  EXPECT_TRUE(unmap(mapped->at("id")));
}

TEST_F(KrbdMapOnNode, FailsItsWritesOnceFencedAndStillComesDown) {
  hold();
  const auto facts = raise();
  own();
  EXPECT_EQ(write_to(facts.at("device.path"), "before"), "");
  expect_text(done(perform(OrderKind::Fence, {}))["fenced"], facts.at("device.client"));
  EXPECT_NE(write_to(facts.at("device.path"), "after"), "");
  EXPECT_EQ(own_.probe(call(rungs::kOwn)).standing, Standing::Down);
  lower();
  done(hold_.lower(call(rungs::kHold)));
  below_ = {};
  hold();
  const auto again = raise();
  EXPECT_NE(again.at("device.client"), facts.at("device.client"));
  EXPECT_EQ(read_from(again.at("device.path"), 6), "before");
  lower();
}

class KrbdMapOfJournaledImage : public KrbdMapOnNode {
 protected:
  static constexpr std::uint64_t kJournaling = 64;
  KrbdMapOfJournaledImage() : journaled_{cluster(), place_, "node-1", kDefaultFeatures | kJournaling} {}
  RbdBackend journaled_;
};

TEST_F(KrbdMapOfJournaledImage, NamesTheFeaturesThatTheKernelLacks) {
  done(perform(OrderKind::Delete, {}));
  const Order order{
      .id = 2, .volume = key_.volume, .kind = OrderKind::Create, .arguments = {{"size_bytes", std::to_string(spec_.size_bytes)}}};
  done(journaled_.perform(
      {.order = order, .before = before_, .deadline = Time::max(), .stop = {}, .operation = "test", .journal = journal_}));
  const auto why = map_->unfit(call(), header(kDefaultFeatures | kJournaling));
  ASSERT_TRUE(why);
  expect_text(*why, "lacks features that the image has: journaling; set `mapper: fuse`");
  hold();
  const auto refused = error(map_->raise(call()));
  EXPECT_EQ(refused.code, Code::FailedPrecondition);
  expect_text(refused.message, "it has features that this kernel lacks");
  EXPECT_TRUE(devices().empty());
  spec_.access = Access::ReadOnly;
  EXPECT_EQ(map_->unfit(call(), header(kDefaultFeatures | kJournaling)), std::nullopt) << "a reader needs no journal";
  raise();
  lower();
}
}  // namespace
}  // namespace blockplug::rbd::testing
