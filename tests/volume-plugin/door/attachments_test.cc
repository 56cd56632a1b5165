// SPDX-License-Identifier: Apache-2.0
// Attach and detach at the door, as CSI and the admin service ask for them.
#include "tests/volume-plugin/door/door_fixture.h"

namespace blockplug::test {
namespace {

class Attachments : public TheDoor {
 protected:
  Code attach(const WantedAttachment& wanted) {
    door.attachments().attach(wanted, Time::max(), hear<AttachmentReport>());
    return heard();
  }
  Code detach(const WantedDetachment& wanted) {
    door.attachments().detach(wanted, Time::max(), hear<Ok>());
    return heard();
  }
  std::string said_text() const { return said ? said->message : std::string("nothing"); }
  Desired desired_at(const std::string& target) const {
    return manager->world().find(VolumeId("ceph/v"))->attachments.at(TargetId(target)).desired;
  }
  bool is_up(const std::string& target, const RungId& rung) const { return world.up.contains({key("ceph/v", target), rung}); }
  std::string path(const std::string& name) const { return paths.path() + "/" + name; }
  WantedAttachment staged() const {
    return {.volume = "ceph/v",
            .target = TargetId("host"),
            .filesystem = "xfs",
            .mount_flags = {"noatime"},
            .staging_path = path("globalmount"),
            .origin = Origin::KubeletNode,
            .operation = "stage"};
  }
  TempDirectory paths;
};

struct BadRequest {
  const char* why{};
  WantedAttachment wanted;
  const char* says{};
};

TEST_F(Attachments, AreRefusedBeforeAnythingIsLookedAt) {
  const TargetId host("host"), vm("vm:a"), node("node:n1");
  const WantedLeaf leaf{.path = "/srv/data"};
  const BadRequest table[] = {
      {"no target", {.volume = "ceph/v", .target = {}}, "a volume goes to vm:ID, host or node:NAME"},
      {"a target of no kind", {.volume = "ceph/v", .target = TargetId("pod:a")}, "a volume goes to vm:ID, host or node:NAME"},
      {"a VM without an id", {.volume = "ceph/v", .target = TargetId("vm:")}, "is not a VM id"},
      {"the device of a VM", {.volume = "ceph/v", .target = vm, .height = Height::Device}, "a VM always gets a block device"},
      {"a file system of a bare disk", {.volume = "ceph/v", .target = vm, .filesystem = "xfs"}, "need a guest path"},
      {"a hand-over at no path of the host", {.volume = "ceph/v", .target = vm, .staging_path = "a"}, "is not absolute"},
      {"a hand-over at no path",
       {.volume = "ceph/v", .target = vm, .answered_when = AnsweredWhen::HandedOver},
       "needs a path of the host"},
      {"a device with a file system",
       {.volume = "ceph/v", .target = host, .height = Height::Device, .filesystem = "xfs"},
       "has no filesystem and no mount flags"},
      {"a device that is staged",
       {.volume = "ceph/v", .target = host, .height = Height::Device, .staging_path = "/a"},
       "has no filesystem and no mount flags"},
      {"a path with a file system of its own",
       {.volume = "ceph/v", .target = host, .leaf = WantedLeaf{.path = "/srv/data", .filesystem = "xfs"}},
       "the filesystem that the volume is mounted with"},
      {"a staging path that is none", {.volume = "ceph/v", .target = host, .staging_path = "a"}, "path 'a'"},
      {"a flag of another device", {.volume = "ceph/v", .target = host, .mount_flags = {"logdev=/dev/sda"}}, "mount flag"},
      {"a path of a node", {.volume = "ceph/v", .target = node, .leaf = leaf}, "promised to a node as a whole"},
      {"a file system of a node", {.volume = "ceph/v", .target = node, .filesystem = "xfs"}, "promised to a node as a whole"},
  };
  for (const auto& row : table) {
    EXPECT_EQ(attach(row.wanted), Code::InvalidArgument) << row.why;
    EXPECT_NE(said_text().find(row.says), std::string::npos) << row.why << ": " << said_text();
  }
  EXPECT_TRUE(world.calls.empty());
  EXPECT_EQ(detach({.volume = "ceph/v", .target = host, .by_force = true}), Code::InvalidArgument);
  EXPECT_EQ(detach({.volume = "ceph/v", .target = node, .leaf = "/srv/data"}), Code::InvalidArgument);
}

TEST_F(Attachments, AreStagedOnceAndPublishedAtPathsWhoseEndLeavesTheTrunk) {
  EXPECT_EQ(attach(staged()), Code{}) << said_text();
  EXPECT_EQ(desired_at("host").origin, Origin::KubeletNode);
  EXPECT_EQ(desired_at("host").spec.staging_path, path("globalmount"));
  EXPECT_EQ(desired_at("host").spec.flags, (std::vector<std::string>{"noatime"}));
  EXPECT_EQ(desired_at("host").spec.filesystem, "xfs");
  auto published = staged();
  published.leaf = WantedLeaf{.path = path("pod"), .access = Access::ReadOnly, .mount_flags = {"nodev"}};
  EXPECT_EQ(attach(published), Code{}) << said_text();
  const RungId leaf{rungs::kPublish, path("pod")}, stage{rungs::kStage, {}};
  EXPECT_TRUE(is_up("host", leaf));
  EXPECT_EQ(desired_at("host").spec.access, Access::ReadWrite) << "a read-only path beside what is staged";
  EXPECT_EQ(desired_at("host").leaves.at(leaf).spec, (LeafSpec{Access::ReadOnly, {"nodev"}}));

  WantedDetachment unstaged{.volume = "ceph/v", .target = TargetId("host"), .trunk = Trunk::GoesOnlyBare};
  EXPECT_EQ(detach(unstaged), Code::FailedPrecondition) << "it is still published";
  EXPECT_EQ(detach({.volume = "ceph/v", .target = TargetId("host"), .leaf = path("pod"), .trunk = Trunk::Stays}), Code{});
  EXPECT_FALSE(is_up("host", leaf));
  EXPECT_TRUE(is_up("host", stage));
  EXPECT_EQ(detach(unstaged), Code{}) << said_text();
  EXPECT_TRUE(world.up.empty());
}

TEST_F(Attachments, HaveFlagsAsInFstabEachWhereItBelongs) {
  WantedAttachment wanted{.volume = "ceph/v", .target = TargetId("host")};
  const std::string context = R"(context="u:r:t:s0:c1,c2")";
  wanted.leaf = WantedLeaf{.path = path("a"),
                           .mount_flags = {"_netdev", "noexec", "nofail", "discard", "x-systemd.automount", context, "defaults"}};
  EXPECT_EQ(attach(wanted), Code{}) << said_text();
  EXPECT_EQ(desired_at("host").spec.flags, (std::vector<std::string>{"discard", context})) << "of the one mount of the file system";
  EXPECT_EQ(desired_at("host").leaves.at({rungs::kPublish, path("a")}).spec.flags, (std::vector<std::string>{"noexec"}));
  EXPECT_EQ(attach(wanted), Code{}) << "the same again: " << said_text();

  wanted.leaf = WantedLeaf{.path = path("b"), .mount_flags = {"auto", "nodev"}};
  EXPECT_EQ(attach(wanted), Code{}) << "another path takes the mount as it is: " << said_text();
  EXPECT_EQ(desired_at("host").spec.flags, (std::vector<std::string>{"discard", context}));
  wanted.leaf = WantedLeaf{.path = path("c"), .mount_flags = {"nouuid"}};
  EXPECT_NE(attach(wanted), Code{});
  EXPECT_NE(said_text().find("with mount flags discard,context="), std::string::npos) << said_text();

  wanted.leaf = WantedLeaf{.path = path("d"), .mount_flags = {"ro"}};
  EXPECT_EQ(attach(wanted), Code::InvalidArgument);
  for (const auto* flag : {R"(context="a)", R"(="a")", R"(context="a"b")", R"(context="a\")", "a b"}) {
    wanted.leaf->mount_flags = {flag};
    EXPECT_EQ(attach(wanted), Code::InvalidArgument) << flag;
    EXPECT_NE(said_text().find("is not valid"), std::string::npos) << said_text();
  }
  wanted.target = TargetId("vm:a");
  wanted.leaf = WantedLeaf{.path = "/mnt/data", .mount_flags = {"_netdev", "discard", "noatime"}};
  EXPECT_EQ(detach({.volume = "ceph/v", .target = TargetId("host")}), Code{}) << said_text();
  EXPECT_EQ(attach(wanted), Code{}) << said_text();
  EXPECT_EQ(desired_at("vm:a").leaves.at({rungs::kGuestMount, "/mnt/data"}).spec.flags,
            (std::vector<std::string>{"discard", "noatime"}));
}

TEST_F(Attachments, OfARawBlockDeviceEndAtTheRungThatHasTheDevice) {
  WantedAttachment wanted{.volume = "ceph/v", .target = TargetId("host"), .height = Height::Device};
  wanted.leaf = WantedLeaf{.path = path("device")};
  EXPECT_EQ(attach(wanted), Code{}) << said_text();
  EXPECT_TRUE(is_up("host", {rungs::kMap, {}}));
  EXPECT_FALSE(is_up("host", {rungs::kStage, {}}));
  EXPECT_TRUE(is_up("host", {rungs::kPublish, path("device")}));
}

TEST_F(Attachments, TheFirstPathMayBeNarrowerThanItsTrunk) {
  WantedAttachment wanted{.volume = "ceph/v", .target = TargetId("vm:a")};
  wanted.leaf = WantedLeaf{.path = "/mnt/data", .access = Access::ReadOnly, .filesystem = "ext4"};
  EXPECT_EQ(attach(wanted), Code{}) << said_text();
  EXPECT_EQ(desired_at("vm:a").spec.access, Access::ReadWrite);
  const RungId leaf{rungs::kGuestMount, "/mnt/data"};
  EXPECT_EQ(desired_at("vm:a").leaves.at(leaf).spec, (LeafSpec{Access::ReadOnly, {}, "ext4"}));
  EXPECT_EQ(detach({.volume = "ceph/v", .target = TargetId("vm:a"), .leaf = "/mnt/data", .trunk = Trunk::Stays}), Code{});
  EXPECT_TRUE(is_up("vm:a", {rungs::kPlug, {}}));
}

TEST_F(Attachments, ToWhatIsNotThereAreRefusedOrArmed) {
  targets.absent = TargetId("vm:a");
  WantedAttachment wanted{.volume = "ceph/v", .target = targets.absent};
  EXPECT_EQ(attach(wanted), Code::NotFound);
  EXPECT_TRUE(world.calls.empty());
  wanted.if_absent = AbsentTarget::Armed;
  EXPECT_EQ(attach(wanted), Code{}) << said_text();
  wanted.if_absent = AbsentTarget::Refused;
  EXPECT_EQ(attach(wanted), Code{}) << "what is desired was looked at when it was desired first";
}

TEST_F(Attachments, WhereThisDaemonServesNobodyAreRefusedWithTheReason) {
  targets.foreign = TargetId("host");
  EXPECT_EQ(attach(staged()), Code::FailedPrecondition);
  EXPECT_EQ(said_text(), "attach ceph/v to host: another daemon's");
  EXPECT_TRUE(world.calls.empty());
  EXPECT_FALSE(is_known("ceph/v", "host"));
}

TEST_F(Attachments, ToANodeAskForAllOfTheTrunk) {
  EXPECT_EQ(attach({.volume = "ceph/v", .target = TargetId("node:n1"), .origin = Origin::Controller}), Code::InvalidArgument);
  EXPECT_NE(said_text().find("cannot attach to such a target"), std::string::npos) << "this ladder has none: " << said_text();
}

TEST_F(Attachments, ThatAreNotThereAreDetachedAlreadyIfTheVolumeIs) {
  EXPECT_EQ(detach({.volume = "ceph/v", .target = TargetId("vm:a")}), Code{});
  EXPECT_EQ(detach({.volume = "ceph/none", .target = TargetId("vm:a")}), Code::NotFound);
}

}  // namespace
}  // namespace blockplug::test
