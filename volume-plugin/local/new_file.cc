// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/local/new_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>

#include <cerrno>
#include <cstdio>
#include <memory>

#include "volume-plugin/local/lock.h"
#include "volume-plugin/local/system_error.h"

namespace blockplug::local {
namespace {
constexpr std::string_view kUnfinished = ".blockplug-new-";  // no volume's name begins with a dot

std::string temporary_name() {
  std::uint64_t number{};
  CHECK(::getrandom(&number, sizeof number, 0) == sizeof number);
  return std::string{kUnfinished} + std::to_string(number);
}

// Removes the temporary name, unless the file has been renamed.
class TemporaryName {
 public:
  TemporaryName(int directory, std::string name) : directory_(directory), name_(std::move(name)) {}
  TemporaryName(const TemporaryName&) = delete;
  TemporaryName& operator=(const TemporaryName&) = delete;
  ~TemporaryName() {
    if (!name_.empty()) ::unlinkat(directory_, name_.c_str(), 0);
  }
  const char* c_str() const { return name_.c_str(); }
  void keep() { name_.clear(); }

 private:
  int directory_;
  std::string name_;
};

Status fill(int fd, const std::string& path, std::int64_t size_bytes) {
  // fchmod: the umask may have removed more than the rights of others.
  if (::fchmod(fd, 0600) == 0 && ::ftruncate(fd, size_bytes) == 0 && ::fsync(fd) == 0) return Ok{};
  return system_error(errno, "create " + path);
}

Error swept(const std::string& path) {
  return no_effect(Code::Unavailable, "cannot create " + path + ": a daemon that just started removed it; try again");
}
}  // namespace

Result<Made> make_volume_file(const VolumeDirectory& directory, const std::string& name, std::int64_t size_bytes) {
  const auto path = directory.path_of(name);
  const auto temporary = temporary_name();
  const FileDescriptor fd{::openat(directory.fd(), temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!fd.is_open()) return system_error(errno, "create " + path);
  TemporaryName unfinished{directory.fd(), temporary};
  if (!TRY(take_daemon_lock(fd.get(), Access::ReadWrite))) return swept(path);
  TRY(fill(fd.get(), path, size_bytes));
  const auto file = VolumeDirectory::file_of(name);
  if (::renameat2(directory.fd(), unfinished.c_str(), directory.fd(), file.c_str(), RENAME_NOREPLACE) != 0) {
    if (errno == EEXIST) return Made::NameWasTaken;
    return errno == ENOENT ? swept(path) : system_error(errno, "create " + path);
  }
  unfinished.keep();
  release_daemon_lock(fd.get());
  TRY(make_names_durable(directory));
  return Made::Now;
}

Status sweep_unfinished_files(const VolumeDirectory& directory) {
  for (const auto& name : TRY(names_in(directory))) {
    if (!name.starts_with(kUnfinished)) continue;
    const FileDescriptor fd{::openat(directory.fd(), name.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    if (!fd.is_open()) continue;  // finished or removed by another daemon, or not ours
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if (!TRY(take_daemon_lock(fd.get(), Access::ReadWrite))) continue;  // being created right now
    if (::unlinkat(directory.fd(), name.c_str(), 0) != 0 && errno != ENOENT) {
      return system_error(errno, "remove the unfinished " + directory.path() + "/" + name);
    }
    release_daemon_lock(fd.get());
  }
  return Ok{};
}

Status make_names_durable(const VolumeDirectory& directory) {
  if (::fsync(directory.fd()) == 0) return Ok{};
  return system_error(errno, "write the directory " + directory.path() + " to disk", Effect::Unknown);
}

Result<std::vector<std::string>> names_in(const VolumeDirectory& directory) {
  // A separate descriptor: readdir moves the offset, which duplicates share.
  const int fd = ::openat(directory.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return system_error(errno, "list " + directory.path());
  const std::unique_ptr<DIR, int (*)(DIR*)> stream{::fdopendir(fd), ::closedir};
  CHECK(stream);
  std::vector<std::string> names;
  errno = 0;
  while (const auto* entry = ::readdir(stream.get())) names.emplace_back(entry->d_name);
  if (errno != 0) return system_error(errno, "list " + directory.path());
  return names;
}

}  // namespace blockplug::local
