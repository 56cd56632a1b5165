// SPDX-License-Identifier: Apache-2.0
#pragma once
// A guest, as far as disks and mounts go: a small world of values. Disks are real files, and mkfs is the real one, run on them.
#include <map>
#include <set>
#include <string>
#include <vector>

namespace blockplug::testing {

struct FakeGuest {
  struct Disk {
    std::string file;    // what is on it
    std::string sysfs;   // behind /sys
    std::string number;  // "254:0"
    std::string serial;
  };
  struct Mount {
    std::string path, source, number, filesystem;
    bool is_read_only{}, is_filesystem_read_only{};
    bool operator==(const Mount&) const = default;
  };
  std::map<std::string, Disk> disks;  // by name: "vda"
  std::vector<Mount> mounts;
  std::set<std::string> directories{"/mnt"};
  std::set<std::string> files;
  std::map<std::string, std::string> links;  // of directories; to "": nowhere
  std::vector<std::string> commands;         // programs that ran, in words

  // Knobs.
  std::set<std::string> missing_programs, blocked_commands, busy_paths;
  std::string says_before;  // garbage, before the first answer of a connection
  std::string mkfs_says;    // and refuses
  std::string mkfs_leaves;  // mkfs dies, and this is what it leaves at the disk's start
  bool is_silent{};         // takes questions, answers none
  bool is_frozen{};
  bool sends_byte_by_byte{};
  int looks_per_program{1};  // guest-exec-status says "running" so often
  int answers_left{-1};      // then the connection ends, before the next answer; -1: never

  // What a program of the guest does, and its exit status.
  int perform(const std::vector<std::string>& words, std::string& output);
  std::string mountinfo() const;

 private:
  bool is_there(const std::string& path) const { return directories.contains(path) || files.contains(path) || links.contains(path); }
  std::string resolved(const std::string& path) const;
  int mount(const std::vector<std::string>& words, std::string& output);
  int unmount(const std::string& path, std::string& output);
  int make_filesystem(const std::vector<std::string>& words, std::string& output);
  Disk* disk_at(const std::string& path);
};

}  // namespace blockplug::testing
