// SPDX-License-Identifier: Apache-2.0
// The command line's flags as the door's requests.
#include "volume-plugin/admin/requests.h"

#include <gtest/gtest.h>

namespace blockplug::admin {
namespace {

struct Flags {
  std::string vm{}, guest_path{}, path{}, filesystem{};
  bool wait_for_vm{}, block{}, read_only{};
  std::vector<std::string> mount_flags{};
};

v1::AttachRequest request(const Flags& flags) {
  v1::AttachRequest made;
  made.set_volume("local/v");
  made.set_vm(flags.vm);
  made.set_guest_path(flags.guest_path);
  made.set_path(flags.path);
  made.set_filesystem(flags.filesystem);
  made.set_wait_for_vm(flags.wait_for_vm);
  made.set_block(flags.block);
  made.set_read_only(flags.read_only);
  for (const auto& flag : flags.mount_flags) made.add_mount_flags(flag);
  return made;
}

WantedAttachment wanted(const Flags& flags) {
  const auto made = wanted_attachment(request(flags), "op");
  EXPECT_TRUE(made.ok()) << made.error().message;
  return made.ok() ? *made : WantedAttachment{};
}

TEST(AttachFlags, OfAVmAreADisk) {
  const auto disk = wanted({.vm = "a", .wait_for_vm = true, .read_only = true});
  EXPECT_EQ(disk.volume, "local/v");
  EXPECT_EQ(disk.target, TargetId("vm:a"));
  EXPECT_EQ(disk.access, Access::ReadOnly);
  EXPECT_EQ(disk.if_absent, AbsentTarget::Armed);
  EXPECT_EQ(disk.height, Height::Whole);
  EXPECT_EQ(disk.origin, Origin::Person);
  EXPECT_EQ(disk.operation, "op");
  EXPECT_FALSE(disk.leaf);
}

TEST(AttachFlags, OfAGuestPathAreOfThatPath) {
  const auto made = wanted({.vm = "a", .guest_path = "/mnt", .filesystem = "xfs", .mount_flags = {"noatime"}});
  ASSERT_TRUE(made.leaf);
  EXPECT_EQ(made.leaf->path, "/mnt");
  EXPECT_EQ(made.leaf->filesystem, "xfs");
  EXPECT_EQ(made.leaf->mount_flags, (std::vector<std::string>{"noatime"}));
  EXPECT_EQ(made.filesystem + made.staging_path, "");
  EXPECT_TRUE(made.mount_flags.empty());
  EXPECT_EQ(made.if_absent, AbsentTarget::Refused);
}

TEST(AttachFlags, OfAPathNameTheFileSystemOfTheHostAndTheFlagsOfThePath) {
  const auto made = wanted({.path = "/srv", .filesystem = "xfs", .read_only = true, .mount_flags = {"noatime"}});
  EXPECT_EQ(made.target, TargetId("host"));
  EXPECT_EQ(made.filesystem, "xfs");
  EXPECT_TRUE(made.mount_flags.empty());
  ASSERT_TRUE(made.leaf);
  EXPECT_EQ(made.leaf->filesystem, "");
  EXPECT_EQ(made.leaf->mount_flags, (std::vector<std::string>{"noatime"}));
  EXPECT_EQ(made.leaf->access, Access::ReadOnly);
  EXPECT_EQ(wanted({.path = "/srv", .block = true}).height, Height::Device);
}

TEST(AttachFlags, ThatDoNotGoTogetherAreRefused) {
  const std::pair<Flags, const char*> table[] = {
      {{}, "give either a VM or a path of the host"},
      {{.vm = "a", .path = "/srv"}, "give either a VM or a path of the host"},
      {{.guest_path = "/mnt", .path = "/srv"}, "a guest path needs a VM: give one"},
      {{.path = "/srv", .wait_for_vm = true}, "waiting for a VM does not apply"},
  };
  for (const auto& [flags, says] : table) {
    const auto made = wanted_attachment(request(flags), "op");
    ASSERT_FALSE(made.ok()) << says;
    EXPECT_EQ(made.error().code, Code::InvalidArgument);
    EXPECT_NE(made.error().message.find(says), std::string::npos) << made.error().message;
  }
}

TEST(DetachFlags, NameAPlaceOrNone) {
  v1::DetachRequest asked;
  asked.set_volume("local/v");
  EXPECT_TRUE(wanted_detachment(asked, "op")->target.empty());
  asked.set_vm("a");
  asked.set_force(true);
  EXPECT_EQ(wanted_detachment(asked, "op")->target, TargetId("vm:a"));
  EXPECT_TRUE(wanted_detachment(asked, "op")->by_force);
  EXPECT_EQ(wanted_detachment(asked, "op")->trunk, Trunk::GoesWithLastLeaf);
  asked.set_path("/srv");
  EXPECT_FALSE(wanted_detachment(asked, "op").ok());
  asked.clear_vm();
  EXPECT_EQ(wanted_detachment(asked, "op")->target, TargetId("host"));
  EXPECT_EQ(wanted_detachment(asked, "op")->leaf, "/srv");
}

TEST(BackendFlag, MayBeLeftOutWhereThereIsOne) {
  const BackendsByName one{{"local", nullptr}}, two{{"ceph", nullptr}, {"local", nullptr}};
  EXPECT_EQ(*backend_or_only("", one), "local");
  EXPECT_EQ(*backend_or_only("ceph", two), "ceph");
  EXPECT_EQ(*backend_or_only("misspelt", two), "misspelt") << "the door says that there is none";
  const auto which = backend_or_only("", two);
  ASSERT_FALSE(which.ok());
  EXPECT_EQ(which.error().message, "several backends are configured (ceph, local): choose one with --backend");
}

}  // namespace
}  // namespace blockplug::admin
