// SPDX-License-Identifier: Apache-2.0
#pragma once
// The parameters of a StorageClass, of a VolumeSnapshotClass and of a VolumeAttributesClass. Pure functions; InvalidArgument names
// the parameter, what is wrong with it, and which ones there are.
#include <cstdint>
#include <optional>
#include <string>

#include "attach-detach/outcome.h"
#include "volume-plugin/csi/csi.pb.h"

namespace blockplug::csi {

using Texts = google::protobuf::Map<std::string, std::string>;

struct VolumeLimitsWanted {
  std::optional<std::int64_t> iops, bytes_per_second;  // 0: no limit; none: as it is
  bool is_any() const { return iops || bytes_per_second; }
};

// Where a pod gets it: on a path of its node, or straight in its VM. Kept as an attribute of the volume.
enum class AttachTo : std::uint8_t { Host, Vm };
inline constexpr const char* kAttachTo = "attachTo";
Result<AttachTo> attach_to(const std::string& value);  // "host", "vm"
bool is_of_vm(const Texts& volume_context);

struct StorageClass {
  std::string backend{};       // empty: the only one
  std::string type{}, zone{};  // of Cinder
  VolumeLimitsWanted limits{};
  bool is_flattened{};  // a copy that does not depend on its source
  AttachTo attach_to{};
};

// Bounds of every map of texts in a request.
Status check_texts(const Texts& texts, const char* field);
// The daemon's configuration names the keys of its storage.
Status check_no_secrets(const Texts& secrets);

Result<StorageClass> storage_class_of(const Texts& parameters, const Texts& mutable_parameters);
Result<VolumeLimitsWanted> limits_of(const Texts& mutable_parameters);
// A snapshot has none.
Status check_snapshot_parameters(const Texts& parameters);

}  // namespace blockplug::csi
