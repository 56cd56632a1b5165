// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/door/attachment_checks.h"

#include <algorithm>

#include "attach-detach/printable.h"
#include "hotplug/guest/guest_mount.h"
#include "hotplug/host/mount/flags.h"
#include "hotplug/host/mount/target_path.h"
#include "hotplug/rungs.h"
#include "volume-plugin/door/ids.h"
#include "volume-plugin/door/mount_flags.h"

namespace blockplug {
namespace {
Error invalid(const std::string& text) { return no_effect(Code::InvalidArgument, text); }

Status check_filesystem(const std::string& filesystem) {
  if (filesystem.empty() || filesystem == "ext4" || filesystem == "xfs") return Ok{};
  return invalid("filesystem '" + printable(filesystem) + "' is not supported: use ext4 or xfs");
}

// "vm:web-0", "host", "node:n1".
Status check_target(const TargetId& target) {
  const auto kind = kind_of(target);
  if (kind == "vm") return check_vm_id(name_of(target));
  if (target == kHost) return Ok{};
  if (kind == "node" && !name_of(target).empty()) return Ok{};
  return invalid("target '" + printable(target.str()) + "': a volume goes to vm:ID, host or node:NAME");
}

bool has_trunk_mount(const WantedAttachment& wanted) {
  return !wanted.filesystem.empty() || !wanted.mount_flags.empty() || !wanted.staging_path.empty();
}

Status check_at_host(const WantedAttachment& wanted);
Status check_at_vm(const WantedAttachment& wanted);
Status check_at_node(const WantedAttachment& wanted);
}  // namespace

Status check(const WantedAttachment& wanted) {
  TRY(check_target(wanted.target));
  TRY(check_filesystem(wanted.filesystem));
  TRY(check_mount_flags(wanted.mount_flags));
  if (wanted.leaf) {
    TRY(check_filesystem(wanted.leaf->filesystem));
    TRY(check_mount_flags(wanted.leaf->mount_flags));
  }
  const auto kind = kind_of(wanted.target);
  return kind == "host" ? check_at_host(wanted) : kind == "vm" ? check_at_vm(wanted) : check_at_node(wanted);
}

Error force_is_for_vms() {
  return no_effect(
      Code::InvalidArgument,
      "a mount in use on the host is never removed by force: end what uses it (`blockplug attachment explain` names it). "
      "Force is for VMs whose guest does not answer");
}

Status check(const WantedDetachment& wanted) {
  TRY(check_volume_id(wanted.volume));
  TRY(check_target(wanted.target));
  if (wanted.by_force && wanted.target == kHost) return force_is_for_vms();
  if (wanted.leaf.empty()) return Ok{};
  const auto kind = kind_of(wanted.target);
  if (kind == "host") return mount::check_path(wanted.leaf);
  if (kind == "vm") return check_guest_path(wanted.leaf);
  return no_effect(Code::InvalidArgument, "target '" + printable(wanted.target.str()) + "' has no paths: leave the path out");
}

RungId leaf_at(const TargetId& target, const std::string& path) {
  return {target == kHost ? rungs::kPublish : rungs::kGuestMount, path};
}

namespace {

Status check_at_host(const WantedAttachment& wanted) {
  const auto& leaf = wanted.leaf;
  if (wanted.height == Height::Device && (has_trunk_mount(wanted) || (leaf && !leaf->mount_flags.empty())))
    return invalid("a raw block device has no filesystem and no mount flags: leave them out, or attach it as a filesystem");
  if (leaf && !leaf->filesystem.empty())
    return invalid("a path of the host has the filesystem that the volume is mounted with there");
  // Here already: once a rung refuses them, the volume below may have been formatted.
  TRY(mount::flags_of_filesystem(mount::joined(wanted.mount_flags), wanted.access));
  if (!wanted.staging_path.empty()) TRY(mount::check_path(wanted.staging_path));
  if (!leaf) return Ok{};
  TRY(mount::flags_of_bind(mount::joined(leaf->mount_flags), leaf->access));
  return mount::check_path(leaf->path);
}

Status check_at_vm(const WantedAttachment& wanted) {
  if (wanted.height == Height::Device) return invalid("raw block is for paths of the host only: a VM always gets a block device");
  if (!wanted.filesystem.empty() || !wanted.mount_flags.empty()) return invalid("a filesystem or mount flags need a guest path");
  if (!wanted.staging_path.empty()) TRY(mount::check_path(wanted.staging_path));
  if (wanted.staging_path.empty() && wanted.answered_when == AnsweredWhen::HandedOver)
    return invalid("a hand-over needs a path of the host");
  return wanted.leaf ? check_guest_path(wanted.leaf->path) : Status(Ok{});
}

Status check_at_node(const WantedAttachment& wanted) {
  if (wanted.leaf || wanted.height == Height::Device || has_trunk_mount(wanted))
    return invalid("a volume is promised to a node as a whole: paths, filesystems and mount flags are the node's");
  return Ok{};
}

}  // namespace

}  // namespace blockplug
