// SPDX-License-Identifier: Apache-2.0
// Attach: what is asked for is checked here, before anything is touched; the first of many paths decides for the trunk below them.
#include <algorithm>

#include "hotplug/guest/guest_mount.h"
#include "volume-plugin/door_calls.h"
#include "volume-plugin/ids.h"
#include "volume-plugin/mount/flags.h"
#include "volume-plugin/mount/target_path.h"
#include "volume-plugin/printable.h"

namespace blockplug {
namespace {

constexpr std::size_t kMostMountFlags = 32, kLongestMountFlag = 64;

Error invalid(const std::string& text) { return no_effect(Code::InvalidArgument, text); }

Status check_mount_flags(const std::vector<std::string>& flags) {
  if (flags.size() > kMostMountFlags) return invalid("more than " + std::to_string(kMostMountFlags) + " mount flags");
  for (const auto& flag : flags) {
    const bool is_word = !flag.empty() && flag.size() <= kLongestMountFlag && std::ranges::all_of(flag, [](unsigned char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             std::string_view("_=.:+-").find(static_cast<char>(c)) != std::string_view::npos;
    });
    if (!is_word) return invalid("mount flag '" + printable(flag) + "': only words such as noatime or commit=30 are taken");
    if (flag == "ro" || flag == "rw") return invalid("mount flag '" + flag + "': say read_only instead");
  }
  return Ok{};
}

Status check_filesystem(const Door::Attach& wanted) {
  if (wanted.filesystem.empty() || wanted.filesystem == "ext4" || wanted.filesystem == "xfs") return Ok{};
  return invalid("filesystem '" + printable(wanted.filesystem) + "': only ext4 and xfs are made and mounted");
}

// What can be said without looking at anything.
Status check_words(const Door::Attach& wanted) {
  if (wanted.vm.empty() == wanted.path.empty())
    return invalid("a volume goes to a VM or to a path of the host: say one of the two");
  TRY(check_filesystem(wanted));
  TRY(check_mount_flags(wanted.mount_flags));
  if (!wanted.path.empty()) {
    if (!wanted.guest_path.empty()) return invalid("a guest path needs a VM");
    if (wanted.may_wait_for_vm) return invalid("there is no VM to wait for where a path of the host is asked for");
    if (wanted.is_block && !(wanted.filesystem.empty() && wanted.mount_flags.empty()))
      return invalid("a raw block device has no filesystem and no mount flags: ask for one or the other");
    // Here already: once Publish refuses them, the volume below may have been formatted.
    TRY(mount::flags_of_bind(mount::joined(wanted.mount_flags), wanted.access));
    return mount::check_path(wanted.path);
  }
  TRY(check_vm_id(wanted.vm));
  if (wanted.is_block) return invalid("a VM always gets the block device: raw block is for paths of the host");
  if (!wanted.guest_path.empty()) return check_guest_path(wanted.guest_path);
  if (wanted.filesystem.empty() && wanted.mount_flags.empty()) return Ok{};
  return invalid("a filesystem and mount flags need a guest path to be mounted at");
}

std::optional<RungId> leaf_of(const Door::Attach& wanted) {
  if (!wanted.path.empty()) return RungId{RungKind::Publish, wanted.path};
  if (!wanted.guest_path.empty()) return RungId{RungKind::GuestMount, wanted.guest_path};
  return std::nullopt;
}

bool is_wished(const std::optional<AttachmentReport>& report) {
  return report && report->is_wished && report->state != State::Orphan;
}

const RungReport* find(const AttachmentReport& report, RungKind kind) {
  const auto found = std::ranges::find_if(
      report.rungs, [kind](const RungReport& rung) { return rung.rung.kind == kind && rung.rung.leaf.empty(); });
  return found == report.rungs.end() ? nullptr : &*found;
}

// Who names no filesystem takes what is there already; who names what turned out to be there agrees.
std::string filesystem_beside(const std::string& asked, const std::string& wished, const std::string& found) {
  if (asked.empty()) return wished.empty() ? "auto" : wished;
  return wished == "auto" && asked == found ? wished : asked;
}

std::string fact(const RungReport* rung, const char* name) {
  const auto found = rung == nullptr ? Facts::const_iterator{} : rung->facts.find(name);
  return rung == nullptr || found == rung->facts.end() ? std::string{} : found->second;
}

void ask_for_path(const Door::Attach& wanted, const std::optional<AttachmentReport>& existing, AttachRequest& request) {
  request.leaf = {{RungKind::Publish, wanted.path}, {wanted.access, wanted.mount_flags}};
  if (wanted.is_block) {
    request.up_to = RungKind::Map;
  } else {
    const auto wished = is_wished(existing) ? existing->spec.filesystem : std::string{};
    request.spec.filesystem =
        filesystem_beside(wanted.filesystem, wished, existing ? fact(find(*existing, RungKind::Stage), "filesystem") : "");
  }
}

void ask_for_guest_path(const Door::Attach& wanted, const std::optional<AttachmentReport>& existing, AttachRequest& request) {
  const RungId id{RungKind::GuestMount, wanted.guest_path};
  std::string wished, found;
  if (is_wished(existing) && existing->leaves.contains(id)) {
    wished = existing->leaves.at(id).spec.filesystem;
    for (const auto& rung : existing->rungs)
      if (rung.rung == id) found = fact(&rung, "filesystem");
  }
  request.leaf = {id, {wanted.access, wanted.mount_flags, filesystem_beside(wanted.filesystem, wished, found)}};
}

}  // namespace

// There, without a record: to be adopted.
bool Door::is_orphan_of_ours(const AttachmentKey& key, const std::optional<RungId>& leaf) const {
  const auto found = parts_.manager.orphans().find(key);
  return leaf && found != parts_.manager.orphans().end() && std::ranges::any_of(found->second, [&](const Found& thing) {
           return RungId{thing.kind, thing.leaf} == *leaf;
         });
}

// What is there already was looked at when it was wished first; what is new must have room.
Status Door::may_appear(const Attach& wanted, const std::optional<AttachmentReport>& existing) const {
  if (!wanted.vm.empty()) return wanted.may_wait_for_vm || is_wished(existing) ? Status(Ok{}) : parts_.vms.check_present(wanted.vm);
  if (is_wished(existing) && existing->leaves.contains(*leaf_of(wanted))) return Ok{};
  const auto path = TRY(mount::resolve(wanted.path));
  for (const auto& rung : existing ? existing->rungs : std::vector<RungReport>{}) {
    if (rung.rung.kind != RungKind::Publish || rung.mark == "down") continue;
    if (rung.rung.leaf == wanted.path) return Ok{};  // on its way down, or an orphan: ours
    if (fact(&rung, "path") == path)
      return no_effect(Code::AlreadyExists, "it is there already, called " + rung.rung.leaf + ": ask for that name");
  }
  return mount::check_target(path, wanted.is_block ? mount::Shape::BlockDevice : mount::Shape::Directory);
}

DoorCallPtr Door::attach(const Attach& wanted, Time deadline, AttachmentAnswer unsafe) {
  auto call = std::make_shared<DoorCall>();
  auto answer = once<AttachmentReport>(call, std::move(unsafe));
  const auto volume = checked(wanted.volume);
  const Status words = volume.ok() ? check_words(wanted) : Status(volume.error());
  if (!words.ok()) {
    parts_.runner.post([answer, error = words.error()] { answer(error); });
    return call;
  }
  const AttachmentKey key{*volume, TargetId(wanted.path.empty() ? "vm:" + wanted.vm : "host")};
  look_up_until(deadline, *volume, [this, call, answer, wanted, key, deadline](Result<VolumeInfo> info) {
    if (call->is_over) return;
    if (!info.ok()) return answer(with_volume(key.volume, info.error()));
    const auto existing = parts_.manager.explain(key);
    AttachRequest request;
    request.key = key;
    request.image = info->image;
    request.spec.size_bytes = info->size_bytes;
    request.spec.limits = is_wished(existing) ? existing->spec.limits : info->limits;
    // A read-only path beside read-write ones is one of its own; where it is the first, nothing at all is written.
    const bool is_beside = is_wished(existing) && leaf_of(wanted) && wanted.access == Access::ReadOnly;
    request.spec.access = is_beside ? existing->spec.access : wanted.access;
    if (!wanted.path.empty()) ask_for_path(wanted, existing, request);
    if (!wanted.guest_path.empty()) ask_for_guest_path(wanted, existing, request);
    request.operation = wanted.operation;
    if (wanted.path.empty() && is_wished(existing)) return attach_checked(call, request, deadline, answer);
    if (is_orphan_of_ours(key, leaf_of(wanted))) return attach_checked(call, request, deadline, answer);
    const auto look = [this, wanted, existing] { return may_appear(wanted, existing); };
    check(key.volume, look, [this, call, request, deadline, answer](const Status& may) {
      if (call->is_over) return;
      if (!may.ok()) return answer(within("attach " + to_text(request.key), may.error()));
      attach_checked(call, request, deadline, answer);
    });
  });
  return call;
}

void Door::attach_checked(const DoorCallPtr& call, const AttachRequest& request, Time deadline, const AttachmentAnswer& answer) {
  const auto accepted = parts_.manager.attach(request, [this, key = request.key, answer](const Status& status) {
    if (!status.ok()) return answer(status.error());
    auto report = parts_.manager.explain(key);
    if (!report) return answer(maybe_effect(Code::Aborted, to_text(key) + ": it was attached, and is gone again already"));
    answer(std::move(*report));
  });
  if (!accepted.ok()) return answer(accepted.error());
  call->wait = *accepted;
  limit<AttachmentReport>(call, deadline, request.key.volume, answer);
}

}  // namespace blockplug
