// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/csi/node_requests.h"

#include <gtest/gtest.h>

#include "volume-plugin/csi/capabilities.h"

namespace blockplug::csi {
namespace {
using Mode = v1::VolumeCapability::AccessMode;
const std::string kKubelet = "/var/lib/kubelet";
const Settings kSettings{
    .driver = "d.test", .version = "1", .node = "n1", .kubelet_dir = kKubelet, .vm_id = "{pod.uid}", .has_node = true};
const std::string kStaging = "/var/lib/kubelet/plugins/kubernetes.io/csi/d/h/globalmount";
const std::string kTarget = "/var/lib/kubelet/pods/u/volumes/kubernetes.io~csi/pv/mount";

v1::VolumeCapability mounted(Mode::Mode mode, const std::string& filesystem = "ext4", std::vector<std::string> flags = {}) {
  v1::VolumeCapability made;
  made.mutable_access_mode()->set_mode(mode);
  made.mutable_mount()->set_fs_type(filesystem);
  for (auto& flag : flags) made.mutable_mount()->add_mount_flags(std::move(flag));
  return made;
}

v1::VolumeCapability raw(Mode::Mode mode) {
  v1::VolumeCapability made;
  made.mutable_access_mode()->set_mode(mode);
  made.mutable_block();
  return made;
}

v1::NodePublishVolumeRequest publish(const v1::VolumeCapability& capability) {
  v1::NodePublishVolumeRequest made;
  made.set_volume_id("local/v");
  made.set_staging_target_path(kStaging);
  made.set_target_path(kTarget);
  *made.mutable_volume_capability() = capability;
  return made;
}

v1::NodeStageVolumeRequest stage(const v1::VolumeCapability& capability) {
  v1::NodeStageVolumeRequest made;
  made.set_volume_id("local/v");
  made.set_staging_target_path(kStaging);
  *made.mutable_volume_capability() = capability;
  return made;
}

TEST(NodeRequests, StageAndPublishSayTheSameTrunk) {
  const auto capability = mounted(Mode::SINGLE_NODE_MULTI_WRITER, "xfs", {"noatime", "rw"});
  const auto staged = wanted(stage(capability), kSettings);
  const auto published = wanted(publish(capability), kSettings);
  ASSERT_TRUE(staged.ok() && staged->has_value() && published.ok());
  for (const auto& each : {**staged, *published}) {
    EXPECT_EQ(each.target, TargetId("host"));
    EXPECT_EQ(each.height, Height::Whole);
    EXPECT_EQ(each.access, Access::ReadWrite);
    EXPECT_EQ(each.filesystem, "xfs");
    EXPECT_EQ(each.mount_flags, std::vector<std::string>{"noatime"});
    EXPECT_EQ(each.staging_path, kStaging);
    EXPECT_EQ(each.only_below, kKubelet);
    EXPECT_EQ(each.origin, Origin::KubeletNode);
  }
  EXPECT_FALSE((*staged)->leaf);
  ASSERT_TRUE(published->leaf);
  EXPECT_EQ(published->leaf->path, kTarget);
  EXPECT_EQ(published->leaf->access, Access::ReadWrite);
  EXPECT_FALSE(published->leaf->is_alone);
}

TEST(NodeRequests, ReadOnlyAtThePathOrAsAWhole) {
  auto request = publish(mounted(Mode::SINGLE_NODE_WRITER));
  request.set_readonly(true);
  EXPECT_EQ(wanted(request, kSettings)->access, Access::ReadWrite);  // another pod may write
  EXPECT_EQ(wanted(request, kSettings)->leaf->access, Access::ReadOnly);
  const auto by_flag = wanted(publish(mounted(Mode::SINGLE_NODE_WRITER, "", {"ro"})), kSettings);
  EXPECT_EQ(by_flag->leaf->access, Access::ReadOnly);
  for (const auto mode : {Mode::SINGLE_NODE_READER_ONLY, Mode::MULTI_NODE_READER_ONLY}) {
    EXPECT_EQ(wanted(publish(mounted(mode)), kSettings)->access, Access::ReadOnly);
    EXPECT_EQ(wanted(publish(mounted(mode)), kSettings)->leaf->access, Access::ReadOnly);
    EXPECT_EQ((*wanted(stage(mounted(mode)), kSettings))->access, Access::ReadOnly);
  }
}

v1::NodePublishVolumeRequest publish_in_vm(const v1::VolumeCapability& capability) {
  auto made = publish(capability);
  auto& context = *made.mutable_volume_context();
  context["attachTo"] = "vm";
  context["csi.storage.k8s.io/pod.uid"] = "u-1";
  context["csi.storage.k8s.io/pod.name"] = "web";
  context["csi.storage.k8s.io/pod.namespace"] = "shop";
  return made;
}

TEST(NodeRequests, InAVmTheTargetPathHasTheHandOverAndTheGuestTheFileSystem) {
  const auto published = wanted(publish_in_vm(mounted(Mode::SINGLE_NODE_WRITER, "xfs", {"noatime"})), kSettings);
  ASSERT_TRUE(published.ok()) << published.error().message;
  EXPECT_EQ(published->target, TargetId("vm:u-1"));
  EXPECT_EQ(published->staging_path, kTarget);
  EXPECT_EQ(published->filesystem, "");
  EXPECT_TRUE(published->mount_flags.empty());
  EXPECT_EQ(published->if_absent, AbsentTarget::Armed);
  EXPECT_EQ(published->answered_when, AnsweredWhen::HandedOver);
  EXPECT_EQ(published->origin, Origin::KubeletNode);
  EXPECT_EQ(published->only_below, kKubelet);
  EXPECT_EQ(published->leaf->path, "/run/blockplug/volumes/local/v");
  EXPECT_EQ(published->leaf->filesystem, "xfs");
  EXPECT_EQ(published->leaf->mount_flags, std::vector<std::string>{"noatime"});
  EXPECT_EQ(published->access, Access::ReadWrite);
}

TEST(NodeRequests, InAVmReadOnlyHoldsForTheDiskToo) {
  auto request = publish_in_vm(mounted(Mode::SINGLE_NODE_WRITER));
  request.set_readonly(true);
  EXPECT_EQ(wanted(request, kSettings)->access, Access::ReadOnly);
  EXPECT_EQ(wanted(request, kSettings)->leaf->access, Access::ReadOnly);
}

TEST(NodeRequests, InAVmNothingIsStaged) {
  auto request = stage(mounted(Mode::SINGLE_NODE_WRITER));
  (*request.mutable_volume_context())["attachTo"] = "vm";
  const auto staged = wanted(request, kSettings);
  ASSERT_TRUE(staged.ok());
  EXPECT_FALSE(staged->has_value());
  *request.mutable_volume_capability() = raw(Mode::SINGLE_NODE_WRITER);
  EXPECT_EQ(wanted(request, kSettings).error().code, Code::InvalidArgument) << "raw block";
}

TEST(NodeRequests, ThePodsVmIsKnownByWhatKubeletSaysOfThePod) {
  const auto context = publish_in_vm(mounted(Mode::SINGLE_NODE_WRITER)).volume_context();
  EXPECT_EQ(*vm_of_pod("{pod.uid}", context), "u-1");
  EXPECT_EQ(*vm_of_pod("pod-{pod.namespace}_{pod.name}", context), "pod-shop_web");
  const auto untold = vm_of_pod("{pod.uid}", {});
  ASSERT_FALSE(untold.ok());
  EXPECT_NE(untold.error().message.find("podInfoOnMount"), std::string::npos) << untold.error().message;
  auto odd = context;
  odd["csi.storage.k8s.io/pod.uid"] = "../x";
  EXPECT_EQ(vm_of_pod("{pod.uid}", odd).error().code, Code::InvalidArgument);
  odd["csi.storage.k8s.io/pod.uid"] = "{pod.uid}";
  EXPECT_EQ(vm_of_pod("{pod.uid}", odd).error().code, Code::InvalidArgument);
}

TEST(NodeRequests, RawBlockHasNoMount) {
  const auto published = wanted(publish(raw(Mode::SINGLE_NODE_SINGLE_WRITER)), kSettings);
  ASSERT_TRUE(published.ok());
  EXPECT_EQ(published->height, Height::Device);
  EXPECT_EQ(published->staging_path, "");
  EXPECT_TRUE(published->leaf->is_alone);
}

TEST(NodeRequests, LoweringKeepsTheTrunkOrWantsItBare) {
  v1::NodeUnpublishVolumeRequest unpublish;
  unpublish.set_volume_id("local/v");
  unpublish.set_target_path(kTarget);
  EXPECT_EQ(unwanted(unpublish, kKubelet)->leaf, kTarget);
  EXPECT_EQ(unwanted(unpublish, kKubelet)->trunk, Trunk::Stays);
  v1::NodeUnstageVolumeRequest unstage;
  unstage.set_volume_id("local/v");
  unstage.set_staging_target_path(kStaging);
  EXPECT_EQ(unwanted(unstage, kKubelet)->leaf, "");
  EXPECT_EQ(unwanted(unstage, kKubelet)->trunk, Trunk::GoesOnlyBare);
  EXPECT_EQ(unwanted(unstage, kKubelet)->if_unknown, IfUnknown::IsDetached);
}

TEST(NodeRequests, EachFaultIsNamed) {
  struct Row {
    const char* name;
    std::function<void(v1::NodePublishVolumeRequest&)> spoil;
    const char* said;
  };
  const Row rows[] = {
      {"no volume", [](auto& request) { request.clear_volume_id(); }, "volume_id"},
      {"no target", [](auto& request) { request.clear_target_path(); }, "target_path"},
      {"no staging path", [](auto& request) { request.clear_staging_target_path(); }, "staging_target_path"},
      {"no capability", [](auto& request) { request.clear_volume_capability(); }, "volume_capability"},
      {"no mode", [](auto& request) { request.mutable_volume_capability()->clear_access_mode(); }, "access_mode"},
      {"no type", [](auto& request) { request.mutable_volume_capability()->clear_access_type(); }, "mount nor block"},
      {"many writers", [](auto& request) { *request.mutable_volume_capability() = raw(Mode::MULTI_NODE_MULTI_WRITER); },
       "MULTI_NODE_MULTI_WRITER"},
      {"a file system of others",
       [](auto& request) { *request.mutable_volume_capability() = mounted(Mode::SINGLE_NODE_WRITER, "ntfs"); }, "ntfs"},
      {"a flag that is none",
       [](auto& request) { *request.mutable_volume_capability() = mounted(Mode::SINGLE_NODE_WRITER, "", {"a b"}); }, "a b"},
      {"a mount group", [](auto& request) { request.mutable_volume_capability()->mutable_mount()->set_volume_mount_group("5"); },
       "volume_mount_group"},
      {"a path elsewhere", [](auto& request) { request.set_target_path("/etc/x"); }, "/var/lib/kubelet"},
      {"a path beside it", [](auto& request) { request.set_target_path("/var/lib/kubelet2/x"); }, "/var/lib/kubelet"},
      {"a path that climbs out", [](auto& request) { request.set_target_path("/var/lib/kubelet/../../etc/x"); }, "target_path"},
      {"a staging path elsewhere", [](auto& request) { request.set_staging_target_path("/mnt"); }, "/var/lib/kubelet"},
      {"secrets", [](auto& request) { (*request.mutable_secrets())["key"] = "x"; }, "secrets"},
      {"neither host nor vm", [](auto& request) { (*request.mutable_volume_context())["attachTo"] = "pod"; }, "host or vm"},
      {"a pod in a VM that is not told of", [](auto& request) { (*request.mutable_volume_context())["attachTo"] = "vm"; },
       "podInfoOnMount"},
      {"an inline volume", [](auto& request) { (*request.mutable_volume_context())["csi.storage.k8s.io/ephemeral"] = "true"; },
       "ephemeral"},
  };
  for (const auto& row : rows) {
    auto request = publish(mounted(Mode::SINGLE_NODE_WRITER));
    row.spoil(request);
    const auto answer = wanted(request, kSettings);
    ASSERT_FALSE(answer.ok()) << row.name;
    EXPECT_EQ(answer.error().code, Code::InvalidArgument) << row.name;
    EXPECT_NE(answer.error().message.find(row.said), std::string::npos) << row.name << ": " << answer.error().message;
  }
}
TEST(NodeRequests, KubeletsOwnPathOfARawDeviceIsThatOfWhatWasPublished) {
  const std::string devices = "/k/plugins/kubernetes.io/csi/volumeDevices/";
  EXPECT_EQ(published_path("/k", devices + "pvc-1/dev/4711"), devices + "publish/pvc-1/4711");
  for (const auto& path : {devices + "publish/pvc-1/4711", devices + "pvc-1", devices, std::string("/k/pods/4711/mount"),
                           std::string("/other") + devices + "pvc-1/dev/4711"})
    EXPECT_EQ(published_path("/k", path), path);
}

}  // namespace
}  // namespace blockplug::csi
