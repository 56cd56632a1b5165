// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/csi/capabilities.h"

#include "attach-detach/printable.h"
#include "volume-plugin/csi/status.h"
#include "volume-plugin/door/mount_flags.h"

namespace blockplug::csi {
namespace {
using Mode = v1::VolumeCapability::AccessMode;
constexpr int kMostCapabilities = 32;

Error not_supported(Mode::Mode mode) {
  const auto* descriptor = Mode::Mode_descriptor()->FindValueByNumber(mode);
  return invalid(
      "access mode " + (descriptor == nullptr ? std::to_string(mode) : descriptor->name()) +
      " is not supported: a volume has one writing node at a time (ReadWriteOnce, ReadWriteOncePod), or several that only "
      "read (ReadOnlyMany)");
}

Status read_mode(const v1::VolumeCapability& capability, Use& use) {
  if (!capability.has_access_mode()) return invalid("volume_capability has no access_mode");
  switch (const auto mode = capability.access_mode().mode()) {
    case Mode::SINGLE_NODE_WRITER:
    case Mode::SINGLE_NODE_MULTI_WRITER: return Ok{};
    case Mode::SINGLE_NODE_SINGLE_WRITER: use.is_alone = true; return Ok{};
    case Mode::SINGLE_NODE_READER_ONLY:
    case Mode::MULTI_NODE_READER_ONLY: use.access = Access::ReadOnly; return Ok{};
    case Mode::UNKNOWN: return invalid("volume_capability has no access mode");
    default: return not_supported(mode);
  }
}

// "ro" and "rw" are no flags of ours: a PersistentVolume's mountOptions may have them.
Status read_mount(const v1::VolumeCapability::MountVolume& mount, Use& use) {
  if (!mount.volume_mount_group().empty())
    return invalid("volume_mount_group is not supported: Kubernetes applies fsGroup itself (fsGroupPolicy: File)");
  use.filesystem = mount.fs_type();
  for (const auto& flag : mount.mount_flags()) {
    if (flag == "ro") use.is_path_read_only = true;
    if (flag != "ro" && flag != "rw") use.mount_flags.push_back(flag);
  }
  if (!use.filesystem.empty() && use.filesystem != "ext4" && use.filesystem != "xfs")
    return invalid("fs_type '" + printable(use.filesystem) + "' is not supported: use ext4 or xfs");
  return check_mount_flags(use.mount_flags);
}
}  // namespace

Result<Use> use_of(const v1::VolumeCapability& capability) {
  Use use;
  TRY(read_mode(capability, use));
  if (capability.has_block()) {
    use.height = Height::Device;
    return use;
  }
  if (!capability.has_mount()) return invalid("volume_capability has neither mount nor block");
  TRY(read_mount(capability.mount(), use));
  return use;
}

Status check_for_vm(const Use& use) {
  if (use.height == Height::Whole) return Ok{};
  return invalid(
      "attachTo: vm is for file systems only (volumeMode: Filesystem): the guest's name of a disk is not known before the VM runs");
}

Result<std::vector<Use>> uses_of(const Capabilities& capabilities) {
  if (capabilities.empty()) return invalid("volume_capabilities is empty");
  if (capabilities.size() > kMostCapabilities) return invalid("volume_capabilities has too many entries");
  std::vector<Use> uses;
  for (const auto& each : capabilities) uses.push_back(TRY(use_of(each)));
  return uses;
}

}  // namespace blockplug::csi
