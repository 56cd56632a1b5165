// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "hotplug/contents.h"
#include "hotplug/format_records.h"
#include "hotplug/host/mount/device.h"
#include "hotplug/host/mount/filesystem.h"
#include "hotplug/host/mount/flags.h"
#include "hotplug/host/mount/mount_table.h"
#include "hotplug/host/mount/target_path.h"
#include "hotplug/host/mount/verbs.h"
#include "hotplug/mkfs.h"

namespace blockplug::mount {
namespace {
using State = FormatRecord::State;

struct Task {
  std::string device, number, filesystem, path;
  Access access{};
  MountFlags flags;
  FormatRecord record;
  Parents parents{};
  bool may_write() const { return access == Access::ReadWrite; }
};

Error refused(const Task& task, const std::string& why) { return no_effect(Code::FailedPrecondition, task.device + " " + why); }
std::string named(const FormatRecord& record) { return record.filesystem + " (" + record.uuid + ")"; }

Facts answer(const Contents& contents) {
  return {{"filesystem", contents.filesystem}, {"uuid", contents.uuid}, {"size_bytes", std::to_string(contents.device_bytes)}};
}

Result<Task> task_from(const Facts& arguments);
Result<Contents> look(const Task& task, int flags);
bool is_to_grow(const Task& task, const Contents& contents);
Result<Facts> already_mounted(const Task& task, const Mount& there);
Result<Facts> to_be_formatted(const Task& task, const Contents& contents, bool is_resumed);
Result<Facts> blank(const Task& task, const Contents& contents);
Error never_formatted(const Task& task, const Contents& contents);
Status check_is_desired(const Task& task, const Contents& contents);
Result<Facts> unfinished(const Task& task, const Contents& contents, bool& is_finished);
Status make_clean(const Task& task, const Contents& contents);
Status mount_it(const Task& task, const Contents& contents);
Result<Facts> with_filesystem(const Task& task, const Contents& contents);
}  // namespace

Result<Facts> stage_verb(const Facts& arguments) {
  const auto task = TRY(task_from(arguments));
  TRY(open_device(task.device, task.number, O_RDONLY));
  if (const auto there = find_at(TRY(all_mounts()), task.path)) return already_mounted(task, *there);
  // O_EXCL: fails while it is mounted in any mount namespace. A check or a second mount would do harm then.
  const auto contents = TRY(look(task, O_RDONLY | O_EXCL));
  switch (contents.kind) {
    case Contents::Kind::Blank: return blank(task, contents);
    case Contents::Kind::Filesystem: return with_filesystem(task, contents);
    case Contents::Kind::Other: break;
  }
  // The remains of our interrupted mkfs have no signature yet. Only the rung that started it may resume it: otherwise the volume
  // may have been used raw since.
  const bool is_being_formatted = task.record.state == State::Formatting && !contents.has_signature;
  if (is_being_formatted && fact(arguments, "resumable") == "true") return to_be_formatted(task, contents, true);
  if (!is_being_formatted) return never_formatted(task, contents);
  return refused(task,
                 "was being formatted as " + named(task.record) + ", which was given up, and now has " + contents.what +
                     ": it is not overwritten. If it has no data, wipe it by hand (`wipefs -a` and zeros); or use another volume");
}

namespace {

Result<Task> task_from(const Facts& arguments) {
  const auto access = access_from(fact(arguments, "access"));
  auto flags = TRY(flags_of_filesystem(fact(arguments, "flags"), access));
  auto record = TRY(format_record_from(fact(arguments, "record")));
  return Task{fact(arguments, "device"),
              fact(arguments, "number"),
              fact(arguments, "filesystem"),
              fact(arguments, "path"),
              access,
              std::move(flags),
              std::move(record),
              fact(arguments, "parents") == "private" ? Parents::Private : Parents::Open};
}

Result<Facts> already_mounted(const Task& task, const Mount& there) {
  if (!is_filesystem_of(there, task.number))
    return no_effect(Code::FailedPrecondition, task.path + " has " + there.source + " (" + there.filesystem +
                                                   ") mounted on it: use another path, or unmount it");
  if (there.is_read_only() != task.flags.is_read_only()) {
    const bool was_made_so = there.is_read_only() && !there.is_bound_read_only;
    return refused(task, "is mounted on " + task.path + (there.is_read_only() ? " read-only" : " read-write") +
                             (was_made_so ? " (the kernel does that after an error: see its log)" : "") + ", desired: " +
                             (there.is_read_only() ? "read-write" : "read-only") + "; detach it first, then attach it again");
  }
  const auto contents = TRY(look(task, O_RDONLY));
  auto facts = answer(contents);
  if (is_to_grow(task, contents)) facts["grow"] = "true";
  if (task.record.state == State::Formatting && task.record.uuid == contents.uuid) facts["record"] = "formatted";
  return facts;
}

Result<Contents> look(const Task& task, int flags) {
  const auto fd = TRY(open_device(task.device, task.number, flags));
  auto contents = contents_of(fd.get());
  if (!contents.ok()) return within(task.device, std::move(contents).error());
  return contents;
}

// After a failed resize the device may be smaller than the file system; a difference of one block is rounding.
bool is_to_grow(const Task& task, const Contents& contents) {
  return task.may_write() && contents.size_bytes > 0 && contents.size_bytes + contents.block_bytes < contents.device_bytes;
}

Result<Facts> blank(const Task& task, const Contents& contents) {
  switch (task.record.state) {
    case State::Never: return to_be_formatted(task, contents, false);
    case State::Formatting: return to_be_formatted(task, contents, true);
    case State::Formatted: break;
  }
  return refused(task, "was formatted as " + named(task.record) +
                           " and now reads as blank: not formatting it again, because this may be data loss. "
                           "Check the storage below, restore a snapshot, or use another volume");
}

Result<Facts> with_filesystem(const Task& task, const Contents& contents) {
  bool is_finished = false;
  if (task.record.state == State::Formatting) {
    auto facts = TRY(unfinished(task, contents, is_finished));
    if (!is_finished) return facts;
  }
  TRY(check_is_desired(task, contents));
  TRY(make_clean(task, contents));
  TRY(mount_it(task, contents));
  auto facts = answer(contents);
  if (is_finished) facts["record"] = "formatted";
  return facts;
}

// According to the record our mkfs was started but not finished. If the file system was mounted since, mkfs had finished.
Result<Facts> unfinished(const Task& task, const Contents& contents, bool& is_finished) {
  if (contents.filesystem != task.record.filesystem || contents.uuid != task.record.uuid)
    return refused(
        task,
        "was being formatted as " + named(task.record) + " and now has " + contents.what + " (" + contents.uuid +
            ") that Blockplug did not make: it is not overwritten. To reuse it, save its data and wipe it by hand (`wipefs -a`)");
  is_finished = contents.was_mounted || (contents.filesystem == "ext4" && TRY(is_sound_ext4(task.device)));
  if (is_finished) return Facts{};
  return to_be_formatted(task, contents, true);
}

Result<Facts> to_be_formatted(const Task& task, const Contents& contents, bool is_resumed) {
  if (!task.may_write())
    return refused(task, "is blank, and a read-only attach does not format it: attach it read-write once, or use another volume");
  const auto& begun = task.record.filesystem;
  const auto filesystem = is_resumed ? begun : task.filesystem == "auto" ? "ext4" : task.filesystem;
  if (is_resumed && task.filesystem != "auto" && task.filesystem != begun)
    return refused(
        task, "was being formatted as " + named(task.record) + ", and " + task.filesystem + " was requested: use --fs " + begun);
  TRY(mkfs::check_size(filesystem, contents.device_bytes));
  TRY(check_options(filesystem, task.flags));  // before it is formatted in vain
  return Facts{{"blank", "true"}, {"filesystem", filesystem}, {"resume", is_resumed ? "true" : "false"}};
}

Error never_formatted(const Task& task, const Contents& contents) {
  return refused(task,
                 "has " + contents.what +
                     ": not formatting it. To reuse it, save its data and wipe it by hand (`wipefs -a`); or use another volume");
}

Status check_is_desired(const Task& task, const Contents& contents) {
  const bool is_known = mkfs::is_known(contents.filesystem);
  if (is_known && (task.filesystem == "auto" || task.filesystem == contents.filesystem)) return Ok{};
  const auto desired = task.filesystem == "auto" ? std::string("ext4 or xfs") : task.filesystem;
  return refused(task,
                 "has " + contents.what + ", but " + desired + " was requested: " +
                     (is_known ? "use --fs " + contents.filesystem : "attach it as a raw block device, or use another volume"));
}

Status make_clean(const Task& task, const Contents& contents) {
  const bool is_left_as_it_is = !task.may_write() && leaves_journal(task.flags.options);
  if (!contents.is_clean && !task.may_write() && !is_left_as_it_is)
    return refused(
        task, "cannot be mounted: its file system was not unmounted cleanly, and a read-only mount does not replay the journal: " +
                  way_without_replay(contents.filesystem));
  if (contents.filesystem == "xfs" && !task.may_write()) {
    // The kernel replays an xfs log on every writable device, even for a read-only mount.
    const auto fd = TRY(open_device(task.device, task.number, O_RDONLY));
    if (!TRY(is_device_read_only(fd.get())))
      return refused(task, "is mapped read-write, but read-only was requested: detach it and attach it again");
  }
  return contents.is_clean || is_left_as_it_is ? Status{Ok{}} : repair_ext4(task.device);
}

Status mount_it(const Task& task, const Contents& contents) {
  const bool is_to_be_grown = is_to_grow(task, contents);
  if (is_to_be_grown && contents.filesystem == "ext4") TRY(grow_unmounted_ext4(task.device));
  TRY(check_target(task.path, Shape::Directory));
  const auto target = TRY(make_target(task.path, Shape::Directory, task.parents));
  const auto mounted = mount_filesystem(
      {task.device, task.number, contents.filesystem, task.path, task.flags, target.get(),
       why_refused(contents, "this kernel", task.flags.is_read_only() ? MountedFor::Reading : MountedFor::Writing)});
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

}  // namespace

}  // namespace blockplug::mount
