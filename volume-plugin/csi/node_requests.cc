// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/csi/node_requests.h"

#include "attach-detach/printable.h"
#include "hotplug/guest_path.h"
#include "hotplug/host/mount/target_path.h"
#include "volume-plugin/csi/capabilities.h"
#include "volume-plugin/csi/parameters.h"
#include "volume-plugin/csi/status.h"
#include "volume-plugin/door/ids.h"

namespace blockplug::csi {
namespace {
const TargetId kHost("host");
constexpr const char* kEphemeral = "csi.storage.k8s.io/ephemeral";

Status check_volume_context(const Texts& context) {
  TRY(check_texts(context, "volume_context"));
  const auto ephemeral = context.find(kEphemeral);
  if (ephemeral != context.end() && ephemeral->second == "true")
    return invalid("inline ephemeral volumes are not supported: use a generic ephemeral volume (ephemeral.volumeClaimTemplate)");
  return Ok{};
}

struct Asked {
  WantedAttachment wanted;  // on the host
  Use use;
  AttachTo attach_to{};
};

// What stage and publish have in common: both say the whole trunk.
template <typename Request>
Result<Asked> trunk_of(const Request& request, const std::string& kubelet_dir) {
  if (request.volume_id().empty()) return invalid("volume_id is empty");
  if (request.staging_target_path().empty()) return invalid("staging_target_path is empty");
  if (!request.has_volume_capability()) return invalid("volume_capability is missing");
  TRY(check_no_secrets(request.secrets()));
  TRY(check_texts(request.publish_context(), "publish_context"));
  TRY(check_volume_context(request.volume_context()));
  TRY(check_kubelet_path(request.staging_target_path(), "staging_target_path", kubelet_dir));
  auto use = TRY(use_of(request.volume_capability()));
  const auto given = request.volume_context().find(kAttachTo);
  const auto to = given == request.volume_context().end() ? Result<AttachTo>(AttachTo::Host) : attach_to(given->second);
  if (!to.ok()) return invalid(std::string("volume_context: ") + kAttachTo + " " + to.error().message);
  if (*to == AttachTo::Vm) TRY(check_for_vm(use));
  WantedAttachment wanted;
  wanted.volume = request.volume_id();
  wanted.target = kHost;
  wanted.height = use.height;
  wanted.access = use.access;
  wanted.only_below = kubelet_dir;
  wanted.origin = Origin::KubeletNode;
  if (use.height == Height::Whole) {
    wanted.filesystem = use.filesystem;
    wanted.mount_flags = use.mount_flags;
    wanted.staging_path = request.staging_target_path();
  }
  return Asked{std::move(wanted), std::move(use), *to};
}

// Read-only as a whole where the path is: it is the only one that this VM has.
void hand_over(WantedAttachment& wanted, const std::string& vm, const std::string& target_path) {
  auto& leaf = *wanted.leaf;
  wanted.target = TargetId("vm:" + vm);
  wanted.access = leaf.access;
  wanted.staging_path = target_path;
  leaf.path = guest_path_of(VolumeId(wanted.volume));
  leaf.filesystem = std::exchange(wanted.filesystem, {});
  leaf.mount_flags = std::exchange(wanted.mount_flags, {});
  wanted.if_absent = AbsentTarget::Armed;
  wanted.answered_when = AnsweredWhen::HandedOver;
}

Status replace(std::string& text, const std::string& placeholder, const std::string& key, const Texts& context) {
  for (auto at = text.find(placeholder); at != std::string::npos; at = text.find(placeholder, at)) {
    const auto value = context.find(key);
    if (value == context.end())
      return invalid("volume_context has no '" + key +
                     "', by which the pod's VM is known: set podInfoOnMount: true in the CSIDriver");
    text.replace(at, placeholder.size(), value->second);
    at += value->second.size();
  }
  return Ok{};
}
}  // namespace

Result<std::string> vm_of_pod(const std::string& pattern, const Texts& volume_context) {
  auto vm = pattern;
  for (const std::string part : {"uid", "name", "namespace"})
    TRY(replace(vm, "{pod." + part + "}", "csi.storage.k8s.io/pod." + part, volume_context));
  if (auto may = check_vm_id(vm); !may.ok()) return within("the pod's VM", std::move(may).error());
  return vm;
}

Status check_kubelet_path(const std::string& path, const char* field, const std::string& kubelet_dir) {
  if (auto checked = mount::check_path(path); !checked.ok()) return within(field, std::move(checked).error());
  if (path.starts_with(kubelet_dir + "/")) return Ok{};
  return invalid(std::string(field) + " '" + printable(path) + "' is not below " + kubelet_dir +
                 " (csi.kubelet_dir in the configuration of blockplugd must be kubelet's --root-dir)");
}

Result<std::optional<WantedAttachment>> wanted(const ::csi::v1::NodeStageVolumeRequest& request, const Settings& settings) {
  auto asked = TRY(trunk_of(request, settings.kubelet_dir));
  if (asked.attach_to == AttachTo::Vm) return std::optional<WantedAttachment>{};
  return std::optional(std::move(asked.wanted));
}

Result<WantedAttachment> wanted(const ::csi::v1::NodePublishVolumeRequest& request, const Settings& settings) {
  if (request.target_path().empty()) return invalid("target_path is empty");
  TRY(check_kubelet_path(request.target_path(), "target_path", settings.kubelet_dir));
  auto [wanted, use, to] = TRY(trunk_of(request, settings.kubelet_dir));
  const bool is_read_only = request.readonly() || use.is_path_read_only || use.access == Access::ReadOnly;
  wanted.leaf = WantedLeaf{
      .path = request.target_path(), .access = is_read_only ? Access::ReadOnly : Access::ReadWrite, .is_alone = use.is_alone};
  if (to == AttachTo::Vm) hand_over(wanted, TRY(vm_of_pod(settings.vm_id, request.volume_context())), request.target_path());
  return std::move(wanted);
}

Result<WantedDetachment> unwanted(const ::csi::v1::NodeUnpublishVolumeRequest& request, const std::string& kubelet_dir) {
  if (request.volume_id().empty()) return invalid("volume_id is empty");
  if (request.target_path().empty()) return invalid("target_path is empty");
  TRY(check_kubelet_path(request.target_path(), "target_path", kubelet_dir));
  return WantedDetachment{.volume = request.volume_id(),
                          .target = kHost,
                          .leaf = request.target_path(),
                          .trunk = Trunk::Stays,
                          .or_handed_over = true,
                          .if_unknown = IfUnknown::IsDetached};
}

Result<WantedDetachment> unwanted(const ::csi::v1::NodeUnstageVolumeRequest& request, const std::string& kubelet_dir) {
  if (request.volume_id().empty()) return invalid("volume_id is empty");
  if (request.staging_target_path().empty()) return invalid("staging_target_path is empty");
  TRY(check_kubelet_path(request.staging_target_path(), "staging_target_path", kubelet_dir));
  return WantedDetachment{.volume = request.volume_id(),
                          .target = kHost,
                          .trunk = Trunk::GoesOnlyBare,
                          .or_handed_over = true,
                          .if_unknown = IfUnknown::IsDetached};
}

std::string published_path(const std::string& kubelet_dir, const std::string& path) {
  const auto devices = kubelet_dir + "/plugins/kubernetes.io/csi/volumeDevices/";
  constexpr std::string_view kBound = "/dev/";
  if (!path.starts_with(devices)) return path;
  const auto volume = path.substr(devices.size(), path.find('/', devices.size()) - devices.size());
  const auto rest = path.substr(devices.size() + volume.size());
  return rest.starts_with(kBound) ? devices + "publish/" + volume + "/" + rest.substr(kBound.size()) : path;
}

}  // namespace blockplug::csi
