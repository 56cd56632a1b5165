// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "hotplug/contents.h"
#include "volume-plugin/mount/device.h"
#include "volume-plugin/mount/filesystem.h"
#include "volume-plugin/mount/verbs.h"

namespace blockplug::mount {
namespace {
struct Task {
  std::string device, number, filesystem, uuid;
  bool is_resumed{};    // an mkfs of ours began
  bool is_resumable{};  // and nobody can have used the volume since
};

// What an mkfs of ours that did not end may have left: nothing, bytes without a signature, or just this file system, never
// mounted.
bool may_be_half_made(const Contents& contents, const Task& task) {
  switch (contents.kind) {
    case Contents::Kind::Blank: return true;
    case Contents::Kind::Filesystem:
      return contents.filesystem == task.filesystem && contents.uuid == task.uuid && !contents.was_mounted;
    case Contents::Kind::Other: return task.is_resumable && !contents.has_signature;
  }
  return false;
}

Status check_may_be_formatted(const Task& task) {
  const auto fd = TRY(open_device(task.device, task.number, O_RDWR | O_EXCL));
  const auto contents = contents_of(fd.get());
  if (!contents.ok()) return within(task.device, contents.error());
  TRY(check_size_for(task.filesystem, contents->device_bytes));
  if (contents->kind == Contents::Kind::Blank || (task.is_resumed && may_be_half_made(*contents, task))) return Ok{};
  return no_effect(Code::FailedPrecondition, task.device + " has " + contents->what +
                                                 ": it is never formatted. Copy what is needed and wipe it by hand "
                                                 "(`wipefs -a`), or use another volume");
}

// Forced only to resume. (mke2fs without a terminal asks nothing either way; mkfs.xfs refuses a used device unless it is forced.)
std::vector<std::string> command_for(const Task& task) {
  if (task.filesystem == "xfs") {
    std::vector<std::string> command{"mkfs.xfs", "-q", "-m", "uuid=" + task.uuid};
    if (task.is_resumed) command.emplace_back("-f");
    command.push_back(task.device);
    return command;
  }
  std::vector<std::string> command{"mkfs.ext4", "-q", "-m0", "-U", task.uuid};
  if (task.is_resumed) command.emplace_back("-F");
  command.push_back(task.device);
  return command;
}

Status check_was_made(const Task& task) {
  const auto fd = TRY(open_device(task.device, task.number, O_RDONLY));
  if (::fsync(fd.get()) != 0)
    return maybe_effect(Code::Unavailable, task.device + ": the new file system could not be written out: it is made again");
  const auto contents = TRY(contents_of(fd.get()));
  if (contents.filesystem == task.filesystem && contents.uuid == task.uuid) return Ok{};
  return maybe_effect(Code::Internal, task.device + " has " + contents.what + " after mkfs." + task.filesystem +
                                          ", not the file system that was made");
}
}  // namespace

Result<Facts> format_verb(const Facts& arguments) {
  const Task task{value_of(arguments, "device"), value_of(arguments, "number"), value_of(arguments, "filesystem"),
                  value_of(arguments, "uuid"), value_of(arguments, "resume") == "true",
                  value_of(arguments, "resumable") == "true"};
  if (task.filesystem != "ext4" && task.filesystem != "xfs")
    return no_effect(Code::InvalidArgument, "'" + task.filesystem + "' is no file system that is made here: ask for ext4 or xfs");
  TRY(check_may_be_formatted(task));
  const auto ran = TRY(run_tool(command_for(task)));
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

}  // namespace blockplug::mount
