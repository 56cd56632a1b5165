// SPDX-License-Identifier: Apache-2.0
#include "hotplug/guest/guest_format.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "attach-detach/roles.h"
#include "attach-detach/uuid.h"
#include "hotplug/host/file_descriptor.h"
#include "hotplug/host/mount/flags.h"
#include "hotplug/mkfs.h"

namespace blockplug {
namespace {
using State = FormatRecord::State;
using Kind = Contents::Kind;
constexpr std::int64_t kEndBytes = 1 << 20;
constexpr std::int64_t kKnownEndBytes = 128 << 10;  // has every superblock of ext4 and xfs, and of what hides one (RAID)
constexpr std::chrono::seconds kLookAgain{2};

Error refuse(const std::string& why) { return no_effect(Code::FailedPrecondition, why); }

bool is_what_record_tells(const Contents& contents, const FormatRecord& record) {
  return contents.kind == Kind::Filesystem && contents.filesystem == record.filesystem && contents.uuid == record.uuid;
}

FormatAnswer use(const FormatQuestion& asked) {
  const auto& there = asked.contents.filesystem;
  if (asked.filesystem != "auto" && asked.filesystem != there)
    return refuse("the volume has " + asked.contents.what + ", but " + asked.filesystem + " was requested: request " + there +
                  ", or leave the file system out");
  if (!mkfs::is_known(there))
    return refuse("the volume has " + asked.contents.what + "; only ext4 and xfs can be mounted in a guest");
  if (!asked.contents.is_clean && asked.access == Access::ReadOnly && !asked.leaves_journal)
    return refuse(
        "the volume has " + asked.contents.what +
        " that was not unmounted cleanly, and a read-only attach does not replay the journal: " + mount::way_without_replay(there));
  return UseIt{};
}

FormatAnswer make(const FormatQuestion& asked) {
  const std::string filesystem =
      asked.filesystem == "auto" ? (asked.record.filesystem.empty() ? "ext4" : asked.record.filesystem) : asked.filesystem;
  if (asked.access == Access::ReadOnly)
    return refuse("the volume has no file system, and a read-only attach does not format it: attach it read-write once");
  if (!mkfs::is_known(filesystem)) return refuse("'" + filesystem + "' is not supported: use ext4 or xfs");
  if (asked.is_resumable) return MakeIt{.filesystem = filesystem, .uuid = asked.record.uuid, .is_repeated = true};
  if (!asked.is_never_written)
    return refuse(
        "the volume reads as blank, but that cannot be verified because it has been written to. Format it in the guest by hand "
        "(mkfs." +
        filesystem + "), or attach a new volume");
  return MakeIt{.filesystem = filesystem, .uuid = {}, .is_repeated = false};
}

// What the guest's mkfs says about its options.
Result<std::string> ask_mkfs(Agent& agent, const std::string& filesystem) {
  const auto options = agent.look(mkfs::question(filesystem));
  if (options) return options->message;
  if (options.error().code != Code::NotFound) return options.error();
  return refuse("the guest has no mkfs." + filesystem + ": install " + mkfs::package_of(filesystem) +
                " there, or attach the volume to a host path first to have it formatted");
}

Status copy_into(int fd, const std::string& bytes, std::int64_t offset) {
  for (std::size_t done = 0; done < bytes.size();) {
    const auto put = ::pwrite(fd, bytes.data() + done, bytes.size() - done, offset + static_cast<std::int64_t>(done));
    if (put <= 0) return no_effect(Code::Unavailable, "out of memory for a copy of the disk's ends");
    done += static_cast<std::size_t>(put);
  }
  return Ok{};
}

// Reads it completely or fails: unread data must never look blank.
Result<std::string> copy_part(Agent& agent, const GuestDisk& disk, std::int64_t offset, std::int64_t most_bytes, int fd) {
  const auto wanted = static_cast<std::size_t>(std::min(most_bytes, disk.size_bytes - offset));
  auto bytes = TRY(agent.read_file(disk.path, offset, wanted));
  if (bytes.size() != wanted)
    return no_effect(Code::Unavailable, disk.path + " in the guest cannot be read at byte " +
                                            std::to_string(offset + static_cast<std::int64_t>(bytes.size())));
  TRY(copy_into(fd, bytes, offset));
  return bytes;
}

// Data in the guest's page cache must reach the image before the image can be called never written.
Result<bool> is_proven_unwritten(Agent& agent, const GuestDisk& disk, const Call& call, FormatRecords& records) {
  const auto before = call.below.find(roles::kImageNeverWritten);
  if (before == call.below.end() || before->second != "true") return false;
  const auto synced = TRY(agent.look({"sync", disk.path}));
  if (!synced.is_ok()) return no_effect(Code::Unavailable, "sync " + disk.path + " in the guest: " + synced.message);
  return records.is_never_written(call);
}

std::variant<Prepared, Waiting, Error> run_mkfs(Agent& agent, const GuestDisk& disk, const MakeIt& wanted,
                                                const std::string& options) {
  const auto over = wanted.is_repeated ? mkfs::Over::OwnRemains : mkfs::Over::Unwritten;
  const auto ran = agent.change(mkfs::command(wanted.filesystem, wanted.uuid, disk.path, over, options));
  if (!ran) return ran.error();
  // Killed, or the guest shuts down: what it left is made again by this attempt.
  if (const int signal = mkfs::ending_signal(ran->exit_status); signal != 0)
    return maybe_effect(Code::Unavailable, "mkfs." + wanted.filesystem + " " + disk.path + " in the guest was ended by signal " +
                                               std::to_string(signal) + "; it will be run again");
  if (ran->is_ok()) return Prepared{.filesystem = wanted.filesystem, .size_bytes = 0};
  const std::string what = "mkfs." + wanted.filesystem + " " + disk.path + " in the guest: " + ran->message;
  const bool is_busy = ran->message.find("in use") != std::string::npos || ran->message.find("busy") != std::string::npos;
  if (is_busy)
    return Waiting{"mkfs is still running in the guest, or the disk is in use there: " + what, Clock::now() + kLookAgain};
  return refuse(what);
}

// An mkfs that was refused and wrote nothing leaves nothing to resume. Best effort: the caller is told why mkfs was refused.
void take_back(Agent& agent, const GuestDisk& disk, const Call& call, FormatRecords& records) {
  const auto is_unwritten = is_proven_unwritten(agent, disk, call, records);
  if (!is_unwritten || !*is_unwritten || !records.set_format(call, {})) return;
  auto kept = call.before;
  kept.erase(roles::kMountFormatting);
  static_cast<void>(call.journal.keep(kept));
}

std::variant<Prepared, Waiting, Error> format(Agent& agent, const GuestDisk& disk, const Call& call, FormatRecords& records,
                                              DiskLimits& limits, MakeIt wanted) {
  TRY(mkfs::check_size(wanted.filesystem, disk.size_bytes));  // before anything is written down: mkfs would refuse it only then
  const auto options = TRY(ask_mkfs(agent, wanted.filesystem));
  if (wanted.uuid.empty()) wanted.uuid = new_uuid();
  TRY(limits.lift());
  auto kept = call.before;
  kept[roles::kMountFormatting] = wanted.uuid;
  TRY(call.journal.keep(kept));
  TRY(records.set_format(call, {State::Formatting, wanted.filesystem, wanted.uuid}));
  auto made = run_mkfs(agent, disk, wanted, options);
  auto applied = limits.apply();
  if (std::holds_alternative<Prepared>(made)) TRY(records.set_format(call, {State::Formatted, wanted.filesystem, wanted.uuid}));
  const auto* error = std::get_if<Error>(&made);
  if (error != nullptr && error->effect == Effect::None && !wanted.is_repeated) take_back(agent, disk, call, records);
  if (!applied.ok()) applied.error().effect = Effect::Unknown;
  if (std::holds_alternative<Prepared>(made)) TRY(applied);
  return made;
}

// The record alone is not enough: it outlives the attachment, and the volume may have been written since.
bool is_begun_by_this_life(const FormatRecord& record, const Call& call) {
  const auto begun = call.before.find(roles::kMountFormatting);
  return record.state == State::Formatting && !record.uuid.empty() && begun != call.before.end() && begun->second == record.uuid;
}

// What an mkfs of ours left that was cut short: its superblock may be there before the rest. Nobody used it: it was never mounted.
// An ext4 that e2fsck calls sound is complete, its mkfs ended unseen.
Result<bool> is_half_made(Agent& agent, const GuestDisk& disk, const GuestContents& contents, const FormatRecord& record,
                          const Call& call) {
  if (record.state != State::Formatting || !is_what_record_tells(contents, record)) return false;
  if (contents.filesystem != "ext4") return contents.is_half_made;
  if (contents.was_mounted) return false;
  const auto checked = agent.look({"e2fsck", "-f", "-n", disk.path});
  if (!checked && checked.error().code == Code::NotFound) return is_begun_by_this_life(record, call);
  if (!checked) return checked.error();
  return !checked->is_ok() && !says_unsupported(checked->message);
}

Result<GuestContents> contents_by_ends(Agent& agent, const GuestDisk& disk, std::int64_t end_bytes) {
  const FileDescriptor copy(::memfd_create("blockplug-ends", MFD_CLOEXEC));
  if (!copy.is_open() || ::ftruncate(copy.get(), disk.size_bytes) != 0)
    return no_effect(Code::Unavailable, "out of memory for a copy of the disk's ends");
  const auto head = TRY(copy_part(agent, disk, 0, end_bytes, copy.get()));
  if (disk.size_bytes > end_bytes)
    TRY(copy_part(agent, disk, std::max(end_bytes, disk.size_bytes - end_bytes), end_bytes, copy.get()));
  GuestContents contents{TRY(contents_of(copy.get())), false};
  constexpr std::size_t kInProgress = 126;  // xfs_dsb.sb_inprogress: mkfs.xfs writes the superblock first, and sets this to 0 last
  contents.is_half_made = contents.filesystem == "xfs" && head.size() > kInProgress && head[kInProgress] != 0;
  return contents;
}

}  // namespace

FormatAnswer decide(const FormatQuestion& asked) {
  const auto& contents = asked.contents;
  switch (contents.kind) {
    case Kind::Filesystem: return use(asked);
    case Kind::Other:
      if (asked.record.state == State::Formatting && !contents.has_signature) {
        if (asked.is_resumable) return make(asked);
        return refuse("the volume was being formatted as " + asked.record.filesystem + " (" + asked.record.uuid + ") and now has " +
                      contents.what + ", which is not overwritten: wipe it by hand");
      }
      return refuse("the volume has " + contents.what +
                    ", which Blockplug neither mounts nor formats: use it in the guest by hand");
    case Kind::Blank:
      if (asked.record.state == State::Formatted)
        return refuse("the volume was formatted (" + asked.record.filesystem +
                      ") and now reads as blank; it is not formatted again. "
                      "Examine it in the guest, or restore it from a backup");
      return make(asked);
  }
  return refuse("the volume's contents are unknown");
}

Result<GuestContents> guest_contents(Agent& agent, const GuestDisk& disk, const FormatRecord& record) {
  if (record.state == State::Formatted) {
    auto known = TRY(contents_by_ends(agent, disk, kKnownEndBytes));
    if (is_what_record_tells(known, record)) return known;
  }
  return contents_by_ends(agent, disk, kEndBytes);
}

std::variant<Prepared, Waiting, Error> prepare(Agent& agent, const GuestDisk& disk, const Call& call, FormatRecords& records,
                                               DiskLimits& limits) {
  const FormatRecord record = TRY(records.format_of(call));
  GuestContents contents = TRY(guest_contents(agent, disk, record));
  if (TRY(is_half_made(agent, disk, contents, record, call)))
    static_cast<Contents&>(contents) = {.kind = Kind::Other, .what = "an incomplete " + contents.filesystem + " file system"};
  const Access access = call.spec.access == Access::ReadOnly ? Access::ReadOnly : call.leaf->access;
  const bool is_resumable = is_begun_by_this_life(record, call);
  const bool asks_for_proof =
      contents.kind == Kind::Blank && record.state != State::Formatted && !is_resumable && access == Access::ReadWrite;
  const bool is_never_written = asks_for_proof && TRY(is_proven_unwritten(agent, disk, call, records));
  const std::string desired = call.leaf->filesystem.empty() ? "auto" : call.leaf->filesystem;
  auto answer =
      decide({contents, record, is_never_written, is_resumable, access, desired, mount::leaves_journal(call.leaf->flags)});
  if (auto* error = std::get_if<Error>(&answer)) return std::move(*error);
  if (const auto* wanted = std::get_if<MakeIt>(&answer)) return format(agent, disk, call, records, limits, *wanted);
  if (record.state == State::Formatting)  // whoever created it: from now on there may be data on it
    TRY(records.set_format(call, {State::Formatted, contents.filesystem, contents.uuid}));
  return Prepared{.filesystem = contents.filesystem,
                  .size_bytes = contents.size_bytes,
                  .if_refused = why_refused(contents, "the guest's kernel",
                                            access == Access::ReadOnly ? MountedFor::Reading : MountedFor::Writing)};
}

}  // namespace blockplug
