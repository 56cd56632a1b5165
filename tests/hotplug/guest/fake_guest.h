// SPDX-License-Identifier: Apache-2.0
#pragma once
// A small model of a guest's disks and mounts. Disks are real files, formatted by the real mkfs.
#include <map>
#include <set>
#include <string>
#include <vector>

namespace blockplug::testing {

struct FakeGuest {
  struct Disk {
    std::string file;    // its contents
    std::string sysfs;   // below /sys
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
  std::map<std::string, std::string> links;  // of directories; to "": dangling
  std::vector<std::string> commands;         // the programs that ran
  int questions{};                           // that the agent answered

  // Knobs.
  std::set<std::string> missing_programs, blocked_commands, busy_paths;
  std::string says_before;   // invalid data before the first answer of a connection
  std::string refuses_with;  // every command
  std::string mkfs_says;     // and refuses
  std::string mount_says;    // and refuses
  std::string mkfs_leaves;   // mkfs dies, and this is what it leaves at the disk's start
  bool is_silent{};          // takes questions, answers none
  bool is_frozen{};
  bool sends_byte_by_byte{};
  int looks_per_program{1};  // guest-exec-status says "running" so often
  int answers_left{-1};      // then the connection is closed before the next answer; -1: never

  // Runs a program of the guest; returns its exit status.
  int perform(const std::vector<std::string>& words, std::string& output);
  std::string mountinfo() const;

 private:
  const char* kind_of(const std::string& path) const;  // in stat's words; nullptr: it does not exist
  std::string resolved(const std::string& path) const;
  int mount(const std::vector<std::string>& words, std::string& output);
  int unmount(const std::string& path, std::string& output);
  static bool is_question(const std::vector<std::string>& words, std::string& output);
  int make_filesystem(const std::vector<std::string>& words, std::string& output);
  Disk* disk_at(const std::string& path);
};

}  // namespace blockplug::testing
