// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/local/conflict.h"

#include <unistd.h>

#include <algorithm>
#include <vector>

#include "hotplug/host/loop/loop_devices.h"
#include "volume-plugin/local/lock.h"
#include "volume-plugin/local/occupants.h"

namespace blockplug::local {
namespace {
constexpr const char* kHidden = "a process that is not visible from here (it may be in another container)";

std::string names_of(const std::vector<Process>& processes) {
  std::string text;
  for (const auto& process : processes) {
    text += (text.empty() ? "process " : " and process ") + std::to_string(process.pid) + " (" + process.command + ")";
  }
  return text.empty() ? kHidden : text;
}

Result<std::optional<ForeignUser>> find_foreign_qemu(int fd, const FileId& file, Access wanted, const OurOwn& own) {
  const auto bytes = qemu_bytes_against(wanted);
  if (!TRY(has_foreign_lock(fd, bytes))) return std::optional<ForeignUser>{};
  auto holders = processes_locking(file, bytes);
  const auto vm = own.vm_process ? own.vm_process() : std::nullopt;
  // Without a visible holder the lock belongs to a hidden process: never taken for our VM.
  if (vm && !holders.empty() && std::ranges::all_of(holders, [&](const auto& holder) { return holder.pid == *vm; })) {
    return std::optional<ForeignUser>{};
  }
  std::erase_if(holders, [&](const auto& holder) { return vm && holder.pid == *vm; });
  return std::optional{ForeignUser{"it is open in " + names_of(holders) + ": stop that process, or remove the disk from it", true}};
}

Result<std::optional<ForeignUser>> find_foreign_loop(const FileId& file, Access wanted, const OurOwn& own) {
  for (const auto& device : TRY(loop::over(file.device, file.inode))) {
    const bool may_share = wanted == Access::ReadOnly && device.access == Access::ReadOnly;
    if (may_share || (own.is_our_loop && own.is_our_loop(device.path))) continue;
    return std::optional{
        ForeignUser{"it is attached to " + device.path + ": unmount it, then run `losetup -d " + device.path + "`", false}};
  }
  return std::optional<ForeignUser>{};
}
}  // namespace

std::string explain_daemon_lock(const FileId& file) {
  const auto holders = processes_locking(file, {&kDaemonByte, 1});
  const bool is_ours = std::ranges::any_of(holders, [](const auto& holder) { return holder.pid == ::getpid(); });
  if (is_ours) return "this daemon holds it: detach it first";
  return "another Blockplug daemon holds it, " + names_of(holders) + ": detach it there first";
}

Result<std::optional<ForeignUser>> find_foreign_user(int fd, const FileId& file, Access wanted, const OurOwn& own) {
  auto qemu = TRY(find_foreign_qemu(fd, file, wanted, own));
  if (qemu) return qemu;
  return find_foreign_loop(file, wanted, own);
}

Result<bool> is_in_use(int fd, const FileId& file) {
  if (TRY(has_foreign_lock(fd, kAnyQemu))) return true;
  return !TRY(loop::over(file.device, file.inode)).empty();
}

}  // namespace blockplug::local
