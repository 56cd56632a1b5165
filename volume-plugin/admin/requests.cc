// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/admin/requests.h"

namespace blockplug::admin {
namespace {

Error invalid(const std::string& text) { return no_effect(Code::InvalidArgument, text); }

Status check_flags(const v1::AttachRequest& request) {
  if (request.vm().empty() == request.path().empty()) return invalid("no target, or two: give either a VM or a path of the host");
  if (!request.path().empty() && !request.guest_path().empty()) return invalid("a guest path needs a VM: give one");
  if (!request.path().empty() && request.wait_for_vm()) return invalid("waiting for a VM does not apply to a path of the host");
  return Ok{};
}

TargetId target_of(const std::string& vm, const std::string& path) {
  if (!path.empty()) return TargetId("host");
  return vm.empty() ? TargetId{} : TargetId("vm:" + vm);
}

}  // namespace

// On the host the trunk has the file system and each path its own flags; in a guest each path has both.
Result<WantedAttachment> wanted_attachment(const v1::AttachRequest& request, std::string operation) {
  TRY(check_flags(request));
  WantedAttachment wanted;
  wanted.volume = request.volume();
  wanted.target = target_of(request.vm(), request.path());
  wanted.height = request.block() ? Height::Device : Height::Whole;
  wanted.access = request.read_only() ? Access::ReadOnly : Access::ReadWrite;
  wanted.if_absent = request.wait_for_vm() ? AbsentTarget::Armed : AbsentTarget::Refused;
  wanted.operation = std::move(operation);
  const auto& path = request.path().empty() ? request.guest_path() : request.path();
  const std::vector<std::string> flags{request.mount_flags().begin(), request.mount_flags().end()};
  if (path.empty()) {  // the door says that there is nothing to mount
    wanted.filesystem = request.filesystem();
    wanted.mount_flags = flags;
    return wanted;
  }
  wanted.leaf = WantedLeaf{path, wanted.access, flags};
  (request.path().empty() ? wanted.leaf->filesystem : wanted.filesystem) = request.filesystem();
  return wanted;
}

Result<WantedDetachment> wanted_detachment(const v1::DetachRequest& request, std::string operation) {
  if (!request.vm().empty() && !request.path().empty()) return invalid("two targets: give either a VM or a path of the host");
  return WantedDetachment{.volume = request.volume(),
                          .target = target_of(request.vm(), request.path()),
                          .leaf = request.path(),
                          .by_force = request.force(),
                          .operation = std::move(operation)};
}

Result<std::optional<TargetId>> only_target_of(const VolumeManager& manager, const VolumeId& volume) {
  std::optional<TargetId> only;
  std::string targets;
  bool are_several = false;
  for (const auto& report : manager.of_volume(volume)) {
    const auto& target = report.key.target;
    if (only == target) continue;  // an orphan's leaf beside the rest
    are_several = only.has_value();
    if (!only) only = target;
    targets += (targets.empty() ? "" : " and ") + target.str();
  }
  if (!are_several) return only;
  return no_effect(Code::FailedPrecondition, volume.str() + " is attached to " + targets + "; choose one with --vm or --path");
}

Result<std::string> backend_or_only(const std::string& named, const BackendsByName& backends) {
  if (!named.empty()) return named;
  if (backends.size() == 1) return backends.begin()->first;
  std::string known;
  for (const auto& [each, backend] : backends) known += (known.empty() ? "" : ", ") + each;
  return invalid("several backends are configured (" + known + "): choose one with --backend");
}

}  // namespace blockplug::admin
