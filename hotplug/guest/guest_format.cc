// SPDX-License-Identifier: Apache-2.0
#include "hotplug/guest/guest_format.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "hotplug/qmp/file_descriptor.h"

namespace blockplug {
namespace {
using State = FormatRecord::State;
using Kind = Contents::Kind;
constexpr std::int64_t kEndBytes = 1 << 20;
constexpr const char* kFormatting = "formatting";  // the fact: the uuid of the mkfs that this life of the rung began
constexpr std::chrono::seconds kLookAgain{2};

Error refuse(const std::string& why) { return no_effect(Code::FailedPrecondition, why); }

bool is_mountable(const std::string& filesystem) { return filesystem == "ext4" || filesystem == "xfs"; }

bool is_what_record_tells(const Contents& contents, const FormatRecord& record) {
  return contents.kind == Kind::Filesystem && contents.filesystem == record.filesystem && contents.uuid == record.uuid;
}

FormatAnswer use(const FormatQuestion& asked) {
  const auto& there = asked.contents.filesystem;
  if (asked.filesystem != "auto" && asked.filesystem != there)
    return refuse("the volume has " + asked.contents.what + ", and " + asked.filesystem + " is wished: wish " + there +
                  ", or none in particular");
  if (!is_mountable(there)) return refuse("the volume has " + asked.contents.what + "; only ext4 and xfs are mounted in a guest");
  if (!asked.contents.is_clean && asked.access == Access::ReadOnly)
    return refuse("the volume has " + asked.contents.what +
                  " that was not unmounted cleanly, and a read-only wish replays no journal: "
                  "attach it once for writing");
  return UseIt{};
}

FormatAnswer make(const FormatQuestion& asked) {
  const std::string filesystem =
      asked.filesystem == "auto" ? (asked.record.filesystem.empty() ? "ext4" : asked.record.filesystem) : asked.filesystem;
  if (asked.access == Access::ReadOnly)
    return refuse("the volume has no file system, and a read-only wish makes none: attach it once for writing");
  if (!is_mountable(filesystem)) return refuse("'" + filesystem + "': only ext4 and xfs are made in a guest");
  if (asked.is_resumable) return MakeIt{.filesystem = filesystem, .uuid = asked.record.uuid, .is_repeated = true};
  if (!asked.is_never_written)
    return refuse(
        "the volume reads as blank, and it is not provably blank: it has been written to. Format it in the guest by hand "
        "(mkfs." +
        filesystem + "), or attach a new volume");
  return MakeIt{.filesystem = filesystem, .uuid = {}, .is_repeated = false};
}

std::string new_uuid() {
  std::string uuid;
  std::ifstream("/proc/sys/kernel/random/uuid") >> uuid;
  CHECK(uuid.size() == 36);
  return uuid;
}

std::vector<std::string> mkfs_command(const MakeIt& wanted, const GuestDisk& disk) {
  if (wanted.filesystem == "ext4") return {"mkfs.ext4", "-q", "-m0", "-U", wanted.uuid, disk.path};
  std::vector<std::string> command{"mkfs.xfs", "-q", "-m", "uuid=" + wanted.uuid};
  if (wanted.is_repeated) command.emplace_back("-f");  // else it refuses what its own earlier run has left
  command.push_back(disk.path);
  return command;
}

// Before anything is written down: mkfs would refuse it only then.
Status check_size(const std::string& filesystem, std::int64_t size_bytes) {
  constexpr std::int64_t kMebibyte = 1 << 20, kLeastXfs = 300 * kMebibyte;
  const bool is_xfs = filesystem == "xfs";
  if (size_bytes >= (is_xfs ? kLeastXfs : kMebibyte)) return Ok{};
  const auto size =
      size_bytes % kMebibyte == 0 ? std::to_string(size_bytes / kMebibyte) + " MiB" : std::to_string(size_bytes) + " bytes";
  return no_effect(Code::InvalidArgument, "an " + filesystem + " file system needs at least " +
                                              (is_xfs ? "300 MiB (mkfs.xfs's own limit)" : "1 MiB") + "; the volume has " + size +
                                              ": expand it" + (is_xfs ? ", or ask for ext4" : ""));
}

Status require_program(Agent& agent, const std::string& program, const std::string& filesystem) {
  const auto version = agent.look({program, "-V"});
  if (version || version.error().code != Code::NotFound) return version ? Status(Ok{}) : Status(version.error());
  return refuse("the guest has no " + program + ": install " + (filesystem == "xfs" ? "xfsprogs" : "e2fsprogs") +
                " there, or let Blockplug format the volume on a host path first");
}

Status copy_into(int fd, const std::string& bytes, std::int64_t offset) {
  for (std::size_t done = 0; done < bytes.size();) {
    const auto put = ::pwrite(fd, bytes.data() + done, bytes.size() - done, offset + static_cast<std::int64_t>(done));
    if (put <= 0) return no_effect(Code::Unavailable, "no memory for a copy of the disk's ends");
    done += static_cast<std::size_t>(put);
  }
  return Ok{};
}

// One end of the disk, whole or not at all: what was not read must never look blank.
Result<std::string> copy_end(Agent& agent, const GuestDisk& disk, std::int64_t offset, int fd) {
  const auto wanted = static_cast<std::size_t>(std::min(kEndBytes, disk.size_bytes - offset));
  auto bytes = TRY(agent.read_file(disk.path, offset, wanted));
  if (bytes.size() != wanted)
    return no_effect(Code::Unavailable, disk.path + " in the guest cannot be read at byte " +
                                            std::to_string(offset + static_cast<std::int64_t>(bytes.size())));
  TRY(copy_into(fd, bytes, offset));
  return bytes;
}

// What the guest has written and not told the disk yet must show in the image before the image is called never written.
Result<bool> is_proven_unwritten(Agent& agent, const GuestDisk& disk, const Call& call, FormatRecords& records) {
  const auto before = call.below.find("hold.never_written");
  if (before == call.below.end() || before->second != "true") return false;
  const auto synced = TRY(agent.look({"sync", disk.path}));
  if (!synced.is_ok()) return no_effect(Code::Unavailable, "sync " + disk.path + " in the guest: " + synced.message);
  return records.is_never_written(call.key.volume);
}

std::variant<Prepared, Waiting, Error> run_mkfs(Agent& agent, const GuestDisk& disk, const MakeIt& wanted) {
  const auto ran = agent.change(mkfs_command(wanted, disk));
  if (!ran) return ran.error();
  if (ran->is_ok()) return Prepared{.filesystem = wanted.filesystem, .size_bytes = 0};
  const std::string what = "mkfs." + wanted.filesystem + " " + disk.path + " in the guest: " + ran->message;
  const bool is_busy = ran->message.find("in use") != std::string::npos || ran->message.find("busy") != std::string::npos;
  if (is_busy) return Waiting{"an mkfs still runs there, or somebody else uses the disk: " + what, Clock::now() + kLookAgain};
  return refuse(what);
}

// A refused mkfs that wrote nothing leaves nothing to resume. Best effort: why it was refused is what its caller is told.
void take_back(Agent& agent, const GuestDisk& disk, const Call& call, FormatRecords& records) {
  const auto is_unwritten = is_proven_unwritten(agent, disk, call, records);
  if (!is_unwritten || !*is_unwritten || !records.set_format(call.key.volume, {})) return;
  auto kept = call.before;
  kept.erase(kFormatting);
  static_cast<void>(call.journal.keep(kept));
}

std::variant<Prepared, Waiting, Error> format(Agent& agent, const GuestDisk& disk, const Call& call, FormatRecords& records,
                                              MakeIt wanted) {
  TRY(check_size(wanted.filesystem, disk.size_bytes));
  TRY(require_program(agent, "mkfs." + wanted.filesystem, wanted.filesystem));
  if (wanted.uuid.empty()) wanted.uuid = new_uuid();
  auto kept = call.before;
  kept[kFormatting] = wanted.uuid;
  TRY(call.journal.keep(kept));
  TRY(records.set_format(call.key.volume, {State::Formatting, wanted.filesystem, wanted.uuid}));
  auto made = run_mkfs(agent, disk, wanted);
  if (std::holds_alternative<Prepared>(made))
    TRY(records.set_format(call.key.volume, {State::Formatted, wanted.filesystem, wanted.uuid}));
  const auto* error = std::get_if<Error>(&made);
  if (error != nullptr && error->effect == Effect::None && !wanted.is_repeated) take_back(agent, disk, call, records);
  return made;
}

// The record alone is no licence: it outlives the attachment, and anybody may have written since.
bool is_begun_by_this_life(const FormatRecord& record, const Call& call) {
  const auto begun = call.before.find(kFormatting);
  return record.state == State::Formatting && !record.uuid.empty() && begun != call.before.end() && begun->second == record.uuid;
}
}  // namespace

FormatAnswer decide(const FormatQuestion& asked) {
  const auto& contents = asked.contents;
  switch (contents.kind) {
    case Kind::Filesystem: return use(asked);
    case Kind::Other:
      if (asked.record.state == State::Formatting && !contents.has_signature) {
        if (asked.is_resumable) return make(asked);
        return refuse("the volume was being formatted as " + asked.record.filesystem + " (" + asked.record.uuid +
                      ") and now has " + contents.what + ": they are never formatted over; wipe it by hand");
      }
      return refuse("the volume has " + contents.what + ", which is neither mounted nor formatted: use it in the guest by hand");
    case Kind::Blank:
      if (asked.record.state == State::Formatted)
        return refuse("the volume was formatted (" + asked.record.filesystem +
                      ") and reads as blank now; it is not formatted again. "
                      "Look at it in the guest, or restore it");
      return make(asked);
  }
  return refuse("what is on the volume is not known");
}

Result<GuestContents> guest_contents(Agent& agent, const GuestDisk& disk) {
  const qmp::FileDescriptor copy(::memfd_create("blockplug-ends", MFD_CLOEXEC));
  if (!copy.is_open() || ::ftruncate(copy.get(), disk.size_bytes) != 0)
    return no_effect(Code::Unavailable, "no memory for a copy of the disk's ends");
  const auto head = TRY(copy_end(agent, disk, 0, copy.get()));
  if (disk.size_bytes > kEndBytes) TRY(copy_end(agent, disk, std::max(kEndBytes, disk.size_bytes - kEndBytes), copy.get()));
  GuestContents contents{TRY(contents_of(copy.get())), false};
  constexpr std::size_t kInProgress = 126;  // xfs_dsb.sb_inprogress: mkfs.xfs writes the superblock first, and this 0 last
  contents.is_half_made = contents.filesystem == "xfs" && head.size() > kInProgress && head[kInProgress] != 0;
  return contents;
}

std::variant<Prepared, Waiting, Error> prepare(Agent& agent, const GuestDisk& disk, const Call& call, FormatRecords& records) {
  GuestContents contents = TRY(guest_contents(agent, disk));
  const FormatRecord record = TRY(records.format_of(call.key.volume));
  if (contents.is_half_made && record.state == State::Formatting && is_what_record_tells(contents, record))
    static_cast<Contents&>(contents) = {.kind = Kind::Other, .what = "bytes of an xfs whose mkfs has not ended"};
  const Access access = call.spec.access == Access::ReadOnly ? Access::ReadOnly : call.leaf->access;
  const bool is_resumable = is_begun_by_this_life(record, call);
  const bool asks_for_proof =
      contents.kind == Kind::Blank && record.state != State::Formatted && !is_resumable && access == Access::ReadWrite;
  const bool is_never_written = asks_for_proof && TRY(is_proven_unwritten(agent, disk, call, records));
  const std::string wished = call.leaf->filesystem.empty() ? "auto" : call.leaf->filesystem;
  auto answer = decide({contents, record, is_never_written, is_resumable, access, wished});
  if (auto* error = std::get_if<Error>(&answer)) return std::move(*error);
  if (const auto* wanted = std::get_if<MakeIt>(&answer)) return format(agent, disk, call, records, *wanted);
  if (record.state == State::Formatting)  // whoever has made it: from now on there is something to lose
    TRY(records.set_format(call.key.volume, {State::Formatted, contents.filesystem, contents.uuid}));
  return Prepared{.filesystem = contents.filesystem, .size_bytes = contents.size_bytes};
}

}  // namespace blockplug
