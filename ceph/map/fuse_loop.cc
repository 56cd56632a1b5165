// SPDX-License-Identifier: Apache-2.0
#include "ceph/map/fuse_loop.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <sstream>

#include "hotplug/qmp/file_descriptor.h"

namespace blockplug::rbd {
namespace {
namespace fs = std::filesystem;

std::string first_line_of(const fs::path& path) {
  std::ifstream file{path};
  std::string line;
  std::getline(file, line);
  return line;
}

// How mountinfo writes a path (proc_pid_mountinfo(5)).
std::string escaped(const std::string& path) {
  std::string text;
  for (const char letter : path) {
    switch (letter) {
      case ' ': text += "\\040"; break;
      case '\t': text += "\\011"; break;
      case '\n': text += "\\012"; break;
      case '\\': text += "\\134"; break;
      default: text += letter;  // all other bytes stand as they are
    }
  }
  return text;
}
}  // namespace

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
    if (!file.ends_with(end_of_ours) && note != path + " " + first_line_of(entry->path() / "diskseq")) continue;
    const auto sectors = first_line_of(entry->path() / "size");
    FuseLoop loop{.path = path,
                  .number = first_line_of(entry->path() / "dev"),
                  .access = first_line_of(entry->path() / "ro") == "1" ? Access::ReadOnly : Access::ReadWrite,
                  .is_leaving = first_line_of(entry->path() / "loop/autoclear") == "1"};
    std::from_chars(sectors.data(), sectors.data() + sectors.size(), loop.size_bytes);
    loop.size_bytes *= 512;
    found.push_back(std::move(loop));
  }
  std::ranges::sort(found, {}, &FuseLoop::path);
  return found;
}

bool is_mounted(const fs::path& file) {
  const auto wanted = escaped(file.native());
  std::ifstream table{"/proc/self/mountinfo"};
  for (std::string line; std::getline(table, line);) {
    std::istringstream words{line};
    std::string id, parent, of, root, where;
    if (words >> id >> parent >> of >> root >> where && where == wanted) return true;
  }
  return false;
}

// One that is frozen listens, too.
bool is_listened_on(const fs::path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.native().size() >= sizeof address.sun_path) return false;
  socket.native().copy(address.sun_path, sizeof address.sun_path - 1);
  const qmp::FileDescriptor fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
  return errno != ECONNREFUSED && errno != ENOENT && errno != ENOTDIR;
}

}  // namespace blockplug::rbd
