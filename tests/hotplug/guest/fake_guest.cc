// SPDX-License-Identifier: Apache-2.0
#include "tests/hotplug/guest/fake_guest.h"

#include <algorithm>
#include <fstream>

#include "attach-detach/check.h"
#include "hotplug/host/helper/program.h"

namespace blockplug::testing {
namespace {
std::string filesystem_on(const std::string& file) {
  std::string bytes(2048, '\0');
  std::ifstream(file, std::ios::binary).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (bytes.substr(0, 4) == "XFSB") return "xfs";
  return bytes.substr(1080, 2) == "\x53\xef" ? "ext4" : "";
}

std::string escaped(const std::string& text) {
  std::string plain;
  for (const char letter : text) plain += letter == ' ' ? "\\040" : std::string(1, letter);
  return plain;
}
}  // namespace

FakeGuest::Disk* FakeGuest::disk_at(const std::string& path) {
  const auto found = disks.find(path.substr(path.rfind('/') + 1));
  return found == disks.end() ? nullptr : &found->second;
}

std::string FakeGuest::mountinfo() const {
  std::string text = "1 1 0:2 / / rw - rootfs rootfs rw\n";
  int id = 24;
  for (const auto& mount : mounts)
    text += std::to_string(id++) + " 1 " + mount.number + " / " + escaped(mount.path) + (mount.is_read_only ? " ro" : " rw") +
            ",relatime - " + mount.filesystem + " " + mount.source + (mount.is_filesystem_read_only ? " ro\n" : " rw\n");
  return text;
}

std::string FakeGuest::resolved(const std::string& path) const {
  for (const auto& [from, to] : links)
    if ((path + "/").starts_with(from + "/")) return to.empty() ? to : to + path.substr(from.size());
  return path;
}

const char* FakeGuest::kind_of(const std::string& path) const {
  return links.contains(path)         ? "symbolic link"
         : directories.contains(path) ? "directory"
         : files.contains(path)       ? "regular file"
                                      : nullptr;
}

int FakeGuest::perform(const std::vector<std::string>& words, std::string& output) {
  const std::string& program = words[0];
  const std::string& last = words.back();
  if (program == "ls" && words[1] != "-A") {
    output = "total 0\n";
    for (const auto& [name, disk] : disks)
      output += "lrwxrwxrwx 1 0 0 0 Nov 22 21:13 " + name + " -> ../" + disk.sysfs + "/block/" + name + "\n";
  } else if (program == "test") {
    return kind_of(last) != nullptr ? 0 : 1;
  } else if (program == "stat") {
    bool is_missing = false;
    for (std::size_t index = 3; index < words.size(); ++index) {
      const auto& path = words[index];
      const auto real = links.contains(path) ? path : resolved(path);
      if (const auto* kind = kind_of(real)) output += std::string(kind) + ":" + path + "\n";
      is_missing |= kind_of(real) == nullptr;
    }
    return is_missing ? 1 : 0;
  } else if (program == "find" || (program == "ls" && words[1] == "-A")) {
    const std::string start = (program == "find" ? words[1] : last) + "/";
    for (const auto* names : {&directories, &files})
      if (const auto found = names->lower_bound(start); found != names->end() && found->starts_with(start))
        return output = (program == "find" ? *found : found->substr(start.size())) + "\n", 0;
  } else if (program == "mkdir") {
    for (std::string at = last; !at.empty(); at = at.substr(0, at.rfind('/'))) directories.insert(at);
  } else if (program == "rmdir") {
    for (std::size_t index = 1; index < words.size(); ++index) {
      const auto is_below = [&](const auto& path) { return path.starts_with(words[index] + "/"); };
      if (std::ranges::none_of(directories, is_below)) directories.erase(words[index]);
    }
  } else if (program == "readlink") {
    const auto real = resolved(last);
    if (real.empty()) return 1;
    output = real + "\n";
  } else if (program.starts_with("mkfs.")) {
    return is_question(words, output) ? 0 : make_filesystem(words, output);
  } else if (program == "e2fsck") {
    auto real = words;
    real.back() = disk_at(last)->file;
    const auto ran = run_program(real);
    CHECK(ran.ok());
    return output = ran->output, ran->exit_status;
  } else if (program == "mount") {
    return mount(words, output);
  } else if (program == "umount") {
    return unmount(last, output);
  } else {
    CHECK(program == "sync" || program == "resize2fs" || program == "xfs_growfs");
  }
  return 0;
}

// About the program itself, answered by the real one.
bool FakeGuest::is_question(const std::vector<std::string>& words, std::string& output) {
  if (words.size() > 1 && words.back() != "-V") return false;
  const auto ran = run_program(words);
  CHECK(ran.ok());
  output = ran->output;
  return true;
}

int FakeGuest::make_filesystem(const std::vector<std::string>& words, std::string& output) {
  auto* disk = disk_at(words.back());
  CHECK(disk != nullptr);
  if (busy_paths.contains(words.back()))
    return output = words.back() + " is apparently in use by the system; will not make a filesystem here!", 1;
  if (!mkfs_says.empty()) return output = mkfs_says, 1;
  if (!mkfs_leaves.empty()) {
    std::fstream(disk->file, std::ios::in | std::ios::out | std::ios::binary) << mkfs_leaves;
    return 137;
  }
  auto real = words;
  real.back() = disk->file;
  const auto ran = run_program(real);
  CHECK(ran.ok());
  output = ran->output;
  return ran->exit_status;
}

int FakeGuest::mount(const std::vector<std::string>& words, std::string& output) {
  const std::string options = words[words.size() - (words[1] == "-t" ? 3 : words[2].starts_with("remount") ? 2 : 3)];
  const bool is_read_only = options.ends_with("ro");
  const std::string path = words.back(), source = words[words.size() - 2];
  const auto at = [&](const std::string& wanted) { return std::ranges::find(mounts, wanted, &FakeGuest::Mount::path); };
  if (options.starts_with("remount")) return at(path)->is_read_only = is_read_only, 0;
  if (options == "bind") {
    auto bound = *at(source);
    bound.path = path;
    mounts.push_back(bound);
    return 0;
  }
  if (!mount_says.empty()) return output = mount_says, 32;
  const auto* disk = disk_at(source);
  const auto same = std::ranges::find_if(mounts, [&](const auto& mount) { return mount.number == disk->number; });
  output = "mount: mounting " + source + " on " + path + " failed: ";
  if (filesystem_on(disk->file) != words[2]) return output += "Invalid argument", 255;
  if (same != mounts.end() && (same->path == path || same->is_filesystem_read_only != is_read_only))
    return output += "Device or resource busy", 255;
  output.clear();
  mounts.push_back({path, source, disk->number, words[2], is_read_only, is_read_only});
  return 0;
}

int FakeGuest::unmount(const std::string& path, std::string& output) {
  const auto found = std::find_if(mounts.rbegin(), mounts.rend(), [&](const auto& mount) { return mount.path == path; });
  const bool is_there = found != mounts.rend();
  if (is_there && !busy_paths.contains(path)) return mounts.erase(std::next(found).base()), 0;
  output = "umount: can't unmount " + path + ": " + (is_there ? "Device or resource busy" : "Invalid argument");
  return 1;
}

}  // namespace blockplug::testing
