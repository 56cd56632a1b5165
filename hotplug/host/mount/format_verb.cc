// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include "hotplug/contents.h"
#include "hotplug/host/mount/device.h"
#include "hotplug/host/mount/filesystem.h"
#include "hotplug/host/mount/verbs.h"
#include "hotplug/mkfs.h"

namespace blockplug::mount {
namespace {
struct Task {
  std::string device, number, filesystem, uuid;
  bool is_resumed{};    // our mkfs was started
  bool is_resumable{};  // and the volume cannot have been used since
  bool is_unwritten{};  // the storage says so

  mkfs::Over over() const {
    if (is_resumed) return mkfs::Over::OwnRemains;
    return is_unwritten ? mkfs::Over::Unwritten : mkfs::Over::Blank;
  }
};

bool may_be_half_made(const Contents& contents, const Task& task);
Status check_may_be_formatted(const Task& task);
Status check_was_made(const Task& task);
}  // namespace

Result<Facts> format_verb(const Facts& arguments) {
  const auto is = [&](const char* name) { return fact(arguments, name) == "true"; };
  const Task task{.device = fact(arguments, "device"),
                  .number = fact(arguments, "number"),
                  .filesystem = fact(arguments, "filesystem"),
                  .uuid = fact(arguments, "uuid"),
                  .is_resumed = is("resume"),
                  .is_resumable = is("resumable"),
                  .is_unwritten = is("unwritten")};
  TRY(mkfs::check_known(task.filesystem));
  TRY(check_may_be_formatted(task));
  const auto options = TRY(run_tool(mkfs::question(task.filesystem)));
  const auto ran = TRY(run_tool(mkfs::command(task.filesystem, task.uuid, task.device, task.over(), options.output)));
  if (const int signal = mkfs::ending_signal(ran.exit_status); signal != 0)
    return maybe_effect(Code::Unavailable, "mkfs." + task.filesystem + " of " + task.device + " was ended by signal " +
                                               std::to_string(signal) + "; it will be run again");
  if (ran.exit_status != 0)
    return maybe_effect(Code::Unavailable, "mkfs." + task.filesystem + " of " + task.device + " failed (exit status " +
                                               std::to_string(ran.exit_status) + "): " + ran.output);
  auto made = check_was_made(task);
  if (!made.ok()) {
    made.error().effect = Effect::Unknown;
    return std::move(made).error();
  }
  return Facts{};
}

namespace {

Status check_may_be_formatted(const Task& task) {
  const auto fd = TRY(open_device(task.device, task.number, O_RDWR | O_EXCL));
  const auto contents = contents_of(fd.get());
  if (!contents.ok()) return within(task.device, contents.error());
  TRY(mkfs::check_size(task.filesystem, contents->device_bytes));
  if (contents->kind == Contents::Kind::Blank || (task.is_resumed && may_be_half_made(*contents, task))) return Ok{};
  return no_effect(Code::FailedPrecondition, task.device + " has " + contents->what +
                                                 ": not formatting it. To reuse it, save its data and wipe it by hand "
                                                 "(`wipefs -a`), or use another volume");
}

Status check_was_made(const Task& task) {
  const auto fd = TRY(open_device(task.device, task.number, O_RDONLY));
  if (::fsync(fd.get()) != 0)
    return maybe_effect(Code::Unavailable, task.device + ": the new file system could not be synced; it will be made again");
  const auto contents = TRY(contents_of(fd.get()));
  if (contents.filesystem == task.filesystem && contents.uuid == task.uuid) return Ok{};
  return maybe_effect(Code::Internal,
                      task.device + " has " + contents.what + " after mkfs." + task.filesystem + ", not the new file system");
}

// What our interrupted mkfs may have left: nothing, data without a signature, or exactly this file system, never mounted.
bool may_be_half_made(const Contents& contents, const Task& task) {
  switch (contents.kind) {
    case Contents::Kind::Blank: return true;
    case Contents::Kind::Filesystem:
      return contents.filesystem == task.filesystem && contents.uuid == task.uuid && !contents.was_mounted;
    case Contents::Kind::Other: return task.is_resumable && !contents.has_signature;
  }
  return false;
}

}  // namespace

}  // namespace blockplug::mount
