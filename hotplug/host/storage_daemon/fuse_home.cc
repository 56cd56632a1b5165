// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/storage_daemon/fuse_home.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "hotplug/host/device_mark.h"
#include "hotplug/host/file_descriptor.h"
#include "hotplug/host/own_directory.h"
#include "hotplug/host/storage_daemon/fuse_loop.h"
#include "hotplug/host/text_file.h"
#include "hotplug/host/unix_address.h"

namespace blockplug::fuse {
namespace {
namespace fs = std::filesystem;

constexpr const char* kAboutFile = "about";      // one line each: the volume, its target, the owner
constexpr const char* kProcessFile = "process";  // "<pid> <start time> <boot id>"
constexpr const char* kFresh = ".new";

Error failed(const std::string& what, const std::string& why) {
  return no_effect(Code::Unavailable, "cannot " + what + ": " + why);
}

Status write(const fs::path& path, const std::string& text) {
  std::ofstream file{path, std::ios::trunc};
  file << text << std::flush;
  return file ? Status{Ok{}} : failed("write " + path.native(), std::strerror(errno));
}

// Replaces the file atomically: a crash leaves the old one or the new one.
Status replace(const fs::path& path, const std::string& text) {
  const auto fresh = path.native() + kFresh;
  TRY(write(fresh, text));
  std::error_code problem;
  fs::rename(fresh, path, problem);
  return problem ? failed("write " + path.native(), problem.message()) : Status{Ok{}};
}

// Is it a storage daemon that listens on this socket? By its command line.
bool serves(pid_t pid, const fs::path& directory) {
  return text_of("/proc/" + std::to_string(pid) + "/cmdline").find("/" + directory.filename().native() + "/" + kSocketFile) !=
         std::string::npos;
}

std::optional<AttachmentKey> read_about(const fs::path& directory, const std::string& owner) {
  std::ifstream file{directory / kAboutFile};
  std::string volume, target, whose;
  if (!std::getline(file, volume) || !std::getline(file, target) || !std::getline(file, whose) || whose != owner)
    return std::nullopt;
  return AttachmentKey{VolumeId{volume}, TargetId{target}};
}
}  // namespace

FuseHome::FuseHome(const fs::path& maps, const std::string& owner, const VolumeId& volume)
    : directory_(maps / device_mark(owner, volume)) {}

std::vector<AttachmentKey> FuseHome::all(const fs::path& maps, const std::string& owner) {
  std::vector<AttachmentKey> found;
  std::error_code problem;
  for (fs::directory_iterator entry{maps, problem}, end; !problem && entry != end; entry.increment(problem)) {
    const auto key = read_about(entry->path(), owner);
    if (key && FuseHome{maps, owner, key->volume}.directory_.filename() == entry->path().filename()) found.push_back(*key);
  }
  return found;
}

fs::path FuseHome::socket() const { return directory_ / kSocketFile; }
fs::path FuseHome::image() const { return directory_ / kImageFile; }

bool FuseHome::exists() const {
  std::error_code problem;
  return fs::is_directory(directory_, problem);
}

Status FuseHome::make(const AttachmentKey& key, const std::string& owner) const {
  constexpr auto kLongest = kMostSocketPathBytes;
  if (socket().native().size() > kLongest)
    return no_effect(Code::FailedPrecondition, "the path " + socket().native() + " is too long for a socket (" +
                                                   std::to_string(kLongest) + " bytes): configure a shorter run_dir");
  const fs::path fresh = directory_.native() + kFresh;
  std::error_code problem;
  if (auto made = make_private_directory(directory_.parent_path()); !made.ok())
    return within(directory_.parent_path(), std::move(made).error());
  if (::mkdir(fresh.c_str(), 0700) != 0 && errno != EEXIST)
    return failed("create the directory " + fresh.native(), std::strerror(errno));
  TRY(write(fresh / kAboutFile, key.volume.str() + "\n" + key.target.str() + "\n" + owner + "\n"));
  fs::rename(fresh, directory_, problem);
  return problem ? failed("create the directory " + directory_.native(), problem.message()) : Status{Ok{}};
}

// Removes only our own files; the file that identifies the owner last.
Status FuseHome::remove() const {
  const FileDescriptor starting{::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (starting.is_open() && ::flock(starting.get(), LOCK_EX | LOCK_NB) != 0)
    return no_effect(Code::Unavailable, "the start of the storage daemon in " + directory_.native() + " has not ended");
  std::error_code problem;
  for (const std::string name : {kSocketFile, kPidFile, kImageFile, kLoopFile, kProcessFile, kAboutFile}) {
    fs::remove(directory_ / (name + kFresh), problem);
    if (fs::remove(directory_ / name, problem); problem) return failed("remove " + (directory_ / name).native(), problem.message());
  }
  if (fs::remove(directory_, problem); problem)
    return failed("remove the directory " + directory_.native(),
                  problem.message() + "; check it for files that do not belong to Blockplug");
  return Ok{};
}

Status FuseHome::remember(const ProcessId& process) const {
  const auto text = std::to_string(process.pid) + " " + std::to_string(process.start_time) + " " + process.boot_id + "\n";
  std::string known;
  std::getline(std::ifstream{directory_ / kProcessFile}, known);
  return known + "\n" == text ? Status{Ok{}} : replace(directory_ / kProcessFile, text);
}

std::optional<ProcessId> FuseHome::living() const {
  ProcessId process;
  std::ifstream known{directory_ / kProcessFile};
  if (known >> process.pid >> process.start_time >> process.boot_id && !is_proven_dead(process)) return process;
  pid_t pid{};
  std::ifstream file{directory_ / kPidFile};
  if (!(file >> pid) || !serves(pid, directory_)) return std::nullopt;
  return identify_process(pid);
}

}  // namespace blockplug::fuse
