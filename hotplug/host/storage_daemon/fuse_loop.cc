// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/storage_daemon/fuse_loop.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>

#include "attach-detach/number.h"
#include "hotplug/host/file_descriptor.h"
#include "hotplug/host/text_file.h"
#include "hotplug/host/unix_address.h"
#include "hotplug/mountinfo.h"

namespace blockplug::fuse {
namespace fs = std::filesystem;

std::vector<FuseLoop> loops_of(const fs::path& directory) {
  const auto end_of_ours = "/" + directory.filename().native() + "/" + kImageFile;
  const auto note = first_line_of(directory / kLoopFile);
  std::vector<FuseLoop> found;
  std::error_code problem;
  for (fs::directory_iterator entry{"/sys/block", problem}, end; !problem && entry != end; entry.increment(problem)) {
    const auto name = entry->path().filename().native();
    if (!name.starts_with("loop")) continue;
    const auto file = first_line_of(entry->path() / "loop/backing_file");
    if (file.empty()) continue;
    const auto path = "/dev/" + name;
    const bool is_noted = note.starts_with(path + " ") && note == path + " " + first_line_of(entry->path() / "diskseq");
    if (!file.ends_with(end_of_ours) && !is_noted) continue;
    FuseLoop loop{.path = path,
                  .number = first_line_of(entry->path() / "dev"),
                  .access = first_line_of(entry->path() / "ro") == "1" ? Access::ReadOnly : Access::ReadWrite,
                  .is_leaving = first_line_of(entry->path() / "loop/autoclear") == "1",
                  .is_direct = first_line_of(entry->path() / "loop/dio") == "1"};
    loop.size_bytes = number_from<std::int64_t>(first_line_of(entry->path() / "size")).value_or(0) * 512;
    found.push_back(std::move(loop));
  }
  std::ranges::sort(found, {}, &FuseLoop::path);
  return found;
}

std::string mount_number(const fs::path& file) {
  const auto mounts = parse_mountinfo(text_of("/proc/self/mountinfo"));
  const auto newest = std::find_if(mounts.rbegin(), mounts.rend(), [&](const auto& mount) { return mount.path == file.native(); });
  return newest == mounts.rend() ? std::string{} : newest->number;
}

bool is_mounted(const fs::path& file) { return !mount_number(file).empty(); }

// Also true for a frozen process.
bool is_listened_on(const fs::path& socket) {
  const auto address = unix_address(socket.native());
  if (!address) return false;
  const FileDescriptor fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0) return true;
  return errno != ECONNREFUSED && errno != ENOENT && errno != ENOTDIR;
}

}  // namespace blockplug::fuse
