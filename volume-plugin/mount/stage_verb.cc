// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "hotplug/contents.h"
#include "hotplug/format_records.h"
#include "volume-plugin/mount/device.h"
#include "volume-plugin/mount/filesystem.h"
#include "volume-plugin/mount/mount_table.h"
#include "volume-plugin/mount/target_path.h"
#include "volume-plugin/mount/verbs.h"

namespace blockplug::mount {
namespace {
using State = FormatRecord::State;

struct Task {
  std::string device, number, filesystem, path;
  Access access{};
  MountFlags flags;
  FormatRecord record;
  bool may_write() const { return access == Access::ReadWrite; }
};

Error refused(const Task& task, const std::string& why) { return no_effect(Code::FailedPrecondition, task.device + " " + why); }

std::string named(const FormatRecord& record) { return record.filesystem + " (" + record.uuid + ")"; }

Result<Task> task_from(const Facts& arguments) {
  const auto access = access_from(value_of(arguments, "access"));
  auto flags = TRY(flags_of_filesystem(value_of(arguments, "flags"), access));
  auto record = TRY(format_record_from(value_of(arguments, "record")));
  return Task{value_of(arguments, "device"), value_of(arguments, "number"), value_of(arguments, "filesystem"), value_of(arguments, "path"),
              access, std::move(flags), std::move(record)};
}

Facts answer(const Contents& contents) {
  return {{"filesystem", contents.filesystem}, {"uuid", contents.uuid}, {"size_bytes", std::to_string(contents.device_bytes)}};
}

Result<Contents> look(const Task& task, int flags) {
  const auto fd = TRY(open_device(task.device, task.number, flags));
  auto contents = contents_of(fd.get());
  if (!contents.ok()) return within(task.device, std::move(contents).error());
  return contents;
}

// A device is smaller than the fs after a failed resize; one block less is rounding.
bool is_to_grow(const Task& task, const Contents& contents) {
  return task.may_write() && contents.size_bytes > 0 && contents.size_bytes + contents.block_bytes < contents.device_bytes;
}

Result<Facts> already_mounted(const Task& task, const Mount& there) {
  if (!is_filesystem_of(there, task.number))
    return no_effect(Code::FailedPrecondition, task.path + " has " + there.source + " (" + there.filesystem +
                                                   ") mounted on it already: choose another path, or unmount it");
  if (there.is_read_only != task.flags.is_read_only()) {
    const bool was_made_so = there.is_read_only && !there.is_bound_read_only;
    return refused(task, "is mounted on " + task.path + (there.is_read_only ? " read-only" : " read-write") + ", not as wished" +
                             (was_made_so ? " (the kernel does that after an error: see its log)" : "") +
                             ": detach it first, then attach it as wished");
  }
  const auto contents = TRY(look(task, O_RDONLY));
  auto facts = answer(contents);
  if (is_to_grow(task, contents)) facts["grow"] = "true";
  if (task.record.state == State::Formatting && task.record.uuid == contents.uuid) facts["record"] = "formatted";
  return facts;
}

Result<Facts> to_be_formatted(const Task& task, const Contents& contents, bool is_resumed) {
  if (!task.may_write())
    return refused(task, "is blank, and a read-only wish does not format: attach it read-write once, or choose another volume");
  const auto& begun = task.record.filesystem;
  const auto filesystem = is_resumed ? begun : task.filesystem == "auto" ? "ext4" : task.filesystem;
  if (is_resumed && task.filesystem != "auto" && task.filesystem != begun)
    return refused(task, "was being formatted as " + named(task.record) + ", and " + task.filesystem +
                             " was asked for: ask for --fs " + begun);
  TRY(check_size_for(filesystem, contents.device_bytes));
  return Facts{{"blank", "true"}, {"filesystem", filesystem}, {"resume", is_resumed ? "true" : "false"}};
}

Result<Facts> blank(const Task& task, const Contents& contents) {
  switch (task.record.state) {
    case State::Never: return to_be_formatted(task, contents, false);
    case State::Formatting: return to_be_formatted(task, contents, true);
    case State::Formatted: break;
  }
  return refused(task, "was formatted as " + named(task.record) +
                           " and now reads as blank: refusing to format it again; what it held may be on another "
                           "copy of the volume. Look at the storage below, restore a snapshot, or use another volume");
}

Error never_formatted(const Task& task, const Contents& contents) {
  return refused(task,
                 "has " + contents.what +
                     ": it is never formatted. Copy what is needed and wipe it by hand (`wipefs -a`), or use another volume");
}

Status check_is_wished(const Task& task, const Contents& contents) {
  const bool is_known = contents.filesystem == "ext4" || contents.filesystem == "xfs";
  if (is_known && (task.filesystem == "auto" || task.filesystem == contents.filesystem)) return Ok{};
  const auto wished = task.filesystem == "auto" ? std::string("ext4 or xfs") : task.filesystem;
  return refused(
      task, "has " + contents.what + ", and " + wished + " was asked for: " +
                (is_known ? "ask for --fs " + contents.filesystem : "attach it as a raw block device, or use another volume"));
}

// The record says that an mkfs of ours began and not that it ended. What was mounted since had ended, whatever it looks like now.
Result<Facts> unfinished(const Task& task, const Contents& contents, bool& is_finished) {
  if (contents.filesystem != task.record.filesystem || contents.uuid != task.record.uuid)
    return refused(task,
                   "was being formatted as " + named(task.record) + " and now has " + contents.what + " (" + contents.uuid +
                       ") of somebody else: it is never formatted over; copy what is needed and wipe it by hand (`wipefs -a`)");
  is_finished = contents.was_mounted || (contents.filesystem == "ext4" && is_sound_ext4(task.device));
  if (is_finished) return Facts{};
  return to_be_formatted(task, contents, true);
}

Status make_clean(const Task& task, const Contents& contents) {
  if (!contents.is_clean && !task.may_write())
    return refused(task,
                   "cannot be mounted: its file system was not cleanly unmounted, and read-only nothing is replayed: attach it "
                   "read-write once");
  if (contents.filesystem == "xfs" && !task.may_write()) {
    // The kernel replays an xfs log on any device that lets it, read-only mount or not.
    const auto fd = TRY(open_device(task.device, task.number, O_RDONLY));
    if (!TRY(is_device_read_only(fd.get())))
      return refused(task, "is mapped read-write, and the wish is read-only: detach it and attach it again");
  }
  return contents.is_clean ? Status{Ok{}} : repair_ext4(task.device);
}

Status mount_it(const Task& task, const Contents& contents) {
  const bool is_to_be_grown = is_to_grow(task, contents);
  if (is_to_be_grown && contents.filesystem == "ext4") TRY(grow_unmounted_ext4(task.device));
  TRY(check_target(task.path, Shape::Directory));
  TRY(make_target(task.path, Shape::Directory));
  const auto mounted = mount_filesystem({task.device, task.number, contents.filesystem, task.path, task.flags});
  if (!mounted.ok()) {
    remove_target(task.path);
    return mounted;
  }
  if (is_to_be_grown && contents.filesystem == "xfs") {
    auto grown = grow_mounted(contents.filesystem, task.device, task.path);
    if (!grown.ok()) grown.error().effect = Effect::Unknown;  // it is mounted
    return grown;
  }
  return Ok{};
}

Result<Facts> with_filesystem(const Task& task, const Contents& contents) {
  bool is_finished = false;
  if (task.record.state == State::Formatting) {
    auto facts = TRY(unfinished(task, contents, is_finished));
    if (!is_finished) return facts;
  }
  TRY(check_is_wished(task, contents));
  TRY(make_clean(task, contents));
  TRY(mount_it(task, contents));
  auto facts = answer(contents);
  if (is_finished) facts["record"] = "formatted";
  return facts;
}
}  // namespace

Result<Facts> stage_verb(const Facts& arguments) {
  const auto task = TRY(task_from(arguments));
  TRY(open_device(task.device, task.number, O_RDONLY));
  if (const auto there = find_at(TRY(all_mounts()), task.path)) return already_mounted(task, *there);
  // O_EXCL: not while it is mounted anywhere else, in whichever mount namespace. A check or a second mount would do harm.
  const auto contents = TRY(look(task, O_RDONLY | O_EXCL));
  switch (contents.kind) {
    case Contents::Kind::Blank: return blank(task, contents);
    case Contents::Kind::Filesystem: return with_filesystem(task, contents);
    case Contents::Kind::Other: break;
  }
  // What an mkfs of ours left half-made has no signature yet. Only the very attempt that began it may say so: since then somebody
  // may have used the volume raw.
  const bool is_being_formatted = task.record.state == State::Formatting && !contents.has_signature;
  if (is_being_formatted && value_of(arguments, "resumable") == "true") return to_be_formatted(task, contents, true);
  if (!is_being_formatted) return never_formatted(task, contents);
  return refused(task, "was being formatted as " + named(task.record) + ", that was given up, and now it has " + contents.what +
                           ": it is not formatted over. Wipe it by hand if nothing of it is needed (`wipefs -a` and zeros), or use another volume");
}

}  // namespace blockplug::mount
