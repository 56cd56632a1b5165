// SPDX-License-Identifier: Apache-2.0
#pragma once
// CSI's VolumeCapability in our words. Pure functions; InvalidArgument says what is not supported and what is.
#include <string>
#include <vector>

#include "volume-plugin/csi/csi.pb.h"
#include "volume-plugin/door/requests.h"

namespace blockplug::csi {

namespace v1 = ::csi::v1;

// What somebody wants to do with a volume.
struct Use {
  Height height{Height::Whole};
  Access access{Access::ReadWrite};  // of the volume as a whole, at every path
  bool is_path_read_only{};          // mount flag "ro"
  bool is_alone{};                   // at one path only (SINGLE_NODE_SINGLE_WRITER)
  std::string filesystem{};          // empty: what is there, ext4 where nothing is
  std::vector<std::string> mount_flags{};
};

Result<Use> use_of(const v1::VolumeCapability& capability);
Status check_for_vm(const Use& use);  // can a pod in a VM use it so?

using Capabilities = google::protobuf::RepeatedPtrField<v1::VolumeCapability>;
// Of all of them, at least one: a volume that is made for them.
Result<std::vector<Use>> uses_of(const Capabilities& capabilities);

}  // namespace blockplug::csi
