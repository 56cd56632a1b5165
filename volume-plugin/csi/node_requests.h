// SPDX-License-Identifier: Apache-2.0
#pragma once
// The Node service's requests as the door's. Pure functions; InvalidArgument names the field and what is wrong with it.
//
//   NodeStageVolume     the trunk: mounted at the staging path; for raw block the device, and no mount
//   NodePublishVolume   the same trunk (kubelet may not have staged it since a reboot), and a leaf at the target path
//   NodeUnpublishVolume that leaf; the trunk stays
//   NodeUnstageVolume   the trunk, which must be bare
//
// Where the volume's attribute attachTo is vm: nothing is staged; what is published is the hand-over at the target path, and the
// volume in the pod's VM, as soon as that runs; both go with the unpublish.
#include <optional>

#include "volume-plugin/csi/csi.pb.h"
#include "volume-plugin/csi/settings.h"
#include "volume-plugin/door/requests.h"

namespace blockplug::csi {

// None: nothing is attached yet.
Result<std::optional<WantedAttachment>> wanted(const ::csi::v1::NodeStageVolumeRequest& request, const Settings& settings);
Result<WantedAttachment> wanted(const ::csi::v1::NodePublishVolumeRequest& request, const Settings& settings);
Result<WantedDetachment> unwanted(const ::csi::v1::NodeUnpublishVolumeRequest& request, const std::string& kubelet_dir);
Result<WantedDetachment> unwanted(const ::csi::v1::NodeUnstageVolumeRequest& request, const std::string& kubelet_dir);

// The VM that a pod is in, by `pattern`: "{pod.uid}", or with {pod.name} and {pod.namespace}. InvalidArgument: the pod is not told
// of (podInfoOnMount), or it is no VM id.
Result<std::string> vm_of_pod(const std::string& pattern, const google::protobuf::Map<std::string, std::string>& volume_context);

// A path of kubelet's, by its text alone: absolute, tidy and below `kubelet_dir`.
Status check_kubelet_path(const std::string& path, const char* field, const std::string& kubelet_dir);

// Where a volume was published, of a path by which kubelet asks for statistics. Of a raw device it names the place where it has
// bound what was published itself: "plugins/kubernetes.io/csi/volumeDevices/<pv>/dev/<pod uid>" (GetGlobalMapPath in its
// csi_block.go).
std::string published_path(const std::string& kubelet_dir, const std::string& path);

}  // namespace blockplug::csi
