// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "hotplug/host/file_descriptor.h"
#include "hotplug/host/helper/launcher.h"
#include "hotplug/host/helper/program.h"
#include "hotplug/host/loop/loop_devices.h"
#include "hotplug/host/storage_daemon/fuse_connection.h"
#include "hotplug/host/storage_daemon/fuse_loop.h"

namespace blockplug::fuse {
namespace {
namespace fs = std::filesystem;

Error failed(int error, const std::string& what) {
  return no_effect(Code::Unavailable, "cannot " + what + ": " + std::strerror(error));
}

Error refused(const std::string& why) { return no_effect(Code::FailedPrecondition, why); }

// QEMU options escape a comma by doubling it.
std::string option_text(const std::string& path) {
  std::string text;
  for (const char letter : path) text += letter == ',' ? std::string{",,"} : std::string{letter};
  return text;
}

// QEMU replaces an existing socket, so a second process would make the first one unreachable. The lock on the directory keeps it
// until this start has ended, also where it is the launcher's, and nobody waits for it any more.
Result<Facts> start(const Facts& arguments) {
  const fs::path directory = TRY(argument(arguments, "directory"));
  const auto program = TRY(argument(arguments, "program"));
  if (const auto launcher = arguments.find("launcher"); launcher != arguments.end())
    return run_at_launcher(launcher->second, kStartVerb, {{"directory", directory}, {"program", program}});
  const auto socket = (directory / kSocketFile).native();
  const FileDescriptor starting{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!starting.is_open()) return failed(errno, "open " + directory.native());
  if (::flock(starting.get(), LOCK_EX | LOCK_NB) != 0)
    return no_effect(Code::Unavailable, "an earlier start of the storage daemon in " + directory.native() + " has not ended");
  if (is_listened_on(socket)) return Facts{};
  const FileDescriptor image{::open((directory / kImageFile).c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!image.is_open()) return failed(errno, "create " + (directory / kImageFile).native());
  const auto ran =
      TRY(run_program({program, "--daemonize", "--pidfile", directory / kPidFile, "--chardev",
                       "socket,id=qmp,path=" + option_text(socket) + ",server=on,wait=off", "--monitor", "chardev=qmp"}));
  if (ran.exit_status == 0) return Facts{};
  return maybe_effect(Code::FailedPrecondition,
                      program + " did not start (status " + std::to_string(ran.exit_status) + "): " + ran.output);
}

// Records the device, in case its file is unmounted under it.
Status note(const fs::path& directory, const std::string& device) {
  std::string sequence;
  std::getline(std::ifstream{fs::path{"/sys/block"} / fs::path{device}.filename() / "diskseq"}, sequence);
  std::ofstream file{directory / kLoopFile, std::ios::trunc};
  file << device << ' ' << sequence << '\n' << std::flush;
  return file ? Status{Ok{}} : failed(errno, "write " + (directory / kLoopFile).native());
}

// Without fusectl: no direct I/O, so that the loop device itself sends one request at a time (slower: of 4 KiB on old kernels).
// Also for a device that an earlier version mapped.
Result<Facts> map(const Facts& arguments) {
  const fs::path directory = TRY(argument(arguments, "directory"));
  const auto image = directory / kImageFile;
  struct stat status {};
  struct statfs system {};
  if (::stat(image.c_str(), &status) != 0 || ::statfs(image.c_str(), &system) != 0)
    return failed(errno, "look at " + image.native());
  if (system.f_type != FUSE_SUPER_MAGIC) return refused(image.native() + " was unmounted, so it no longer shows the image");
  auto desired = arguments;
  desired.erase("directory");
  desired["file"] = image;
  desired["device"] = std::to_string(status.st_dev);
  desired["inode"] = std::to_string(status.st_ino);
  const auto limited = allow_one_at_a_time(mount_number(image));
  const auto mapped_before = loops_of(directory);
  if (!limited.ok() && !mapped_before.empty() && mapped_before.front().is_direct) return limited.error();
  desired["direct"] = limited.ok() ? "true" : "false";
  auto mapped = TRY(loop::verbs().at("loop-map")(desired));
  TRY(note(directory, mapped["device"]));
  return mapped;
}

// Older kernels use a cached file size.
Result<Facts> resize(const Facts& arguments) {
  const fs::path directory = TRY(argument(arguments, "directory"));
  struct statx now {};
  ::statx(AT_FDCWD, (directory / kImageFile).c_str(), AT_STATX_FORCE_SYNC, STATX_SIZE, &now);
  auto desired = arguments;
  desired.erase("directory");
  return loop::verbs().at("loop-resize")(desired);
}

bool is_ours(const fs::path& directory, const std::string& path) {
  const auto all = loops_of(directory);
  return std::any_of(all.begin(), all.end(), [&](const FuseLoop& loop) { return loop.path == path; });
}

bool is_gone_soon(const fs::path& directory, const std::string& path) {
  for (int round = 0; round < 40; ++round) {
    if (!is_ours(directory, path)) return true;
    ::poll(nullptr, 0, 50);
  }
  return false;
}

// A lazy detach would take effect with its last user: undo it, so that the device stays ours. (Its other settings cannot be read,
// because its file may be dead.)
void keep_after_all(const std::string& path, const std::string& mark) {
  const FileDescriptor device{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  struct loop_info64 info {};
  mark.copy(reinterpret_cast<char*>(info.lo_file_name), LO_NAME_SIZE - 1);
  if (device.is_open()) ::ioctl(device.get(), LOOP_SET_STATUS64, &info);
}

// Like loop-unmap (see there), without accessing the device's file.
Status unmap_one(const fs::path& directory, const FuseLoop& loop) {
  const auto in_use = refused(loop.path + " is still in use: unmount or close what uses it");
  {
    const FileDescriptor alone{::open(loop.path.c_str(), O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC)};
    if (!alone.is_open() && errno == EBUSY) return in_use;
    if (!alone.is_open()) return failed(errno, "open " + loop.path);
    if (!is_ours(directory, loop.path)) return Ok{};  // checked again, now that no other process can take it over
    if (::ioctl(alone.get(), LOOP_CLR_FD) != 0 && errno != ENXIO)
      return errno == EBUSY ? in_use : failed(errno, "detach " + loop.path);
  }
  if (is_gone_soon(directory, loop.path)) return Ok{};
  if (!loop.is_leaving) keep_after_all(loop.path, directory.filename());
  return in_use;
}

Result<Facts> unmap(const Facts& arguments) {
  const fs::path directory = TRY(argument(arguments, "directory"));
  for (const auto& loop : loops_of(directory)) TRY(unmap_one(directory, loop));
  return Facts{};
}

// Never lazily, so that users stay visible.
Result<Facts> unmount(const Facts& arguments) {
  const fs::path directory = TRY(argument(arguments, "directory"));
  const auto image = directory / kImageFile;
  constexpr int kDeepest = 16;
  for (int depth = 0; depth < kDeepest && is_mounted(image); ++depth) {
    if (::umount2(image.c_str(), UMOUNT_NOFOLLOW) == 0 || errno == EINVAL) continue;
    return errno == EBUSY ? refused(image.native() + " is still in use: close what uses it")
                          : failed(errno, "unmount " + image.native());
  }
  return Facts{};
}
}  // namespace

Verbs fuse_verbs() {
  return {{kStartVerb, start},
          {"fuse-loop-map", map},
          {"fuse-loop-resize", resize},
          {"fuse-loop-unmap", unmap},
          {"fuse-unmount", unmount}};
}

}  // namespace blockplug::fuse
