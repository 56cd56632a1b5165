// SPDX-License-Identifier: Apache-2.0
#pragma once
// The real environment of a local volume: a directory, mounts, loop devices, QEMU, a second daemon. Each removes what it started.
#include <gtest/gtest.h>
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "hotplug/host/file_descriptor.h"
#include "hotplug/rungs.h"
#include "volume-plugin/local/hold.h"
#include "volume-plugin/local/local_backend.h"

namespace blockplug::local::testing {

inline constexpr std::int64_t kMiB = 1 << 20;

struct Ran {
  int exit_code{};
  std::string output;
};
Ran run(const std::string& command);

// A directory below /tmp. At the end nothing of it may be mounted or attached to a loop device.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class Tmpfs {
 public:
  Tmpfs(std::string where, const std::string& options);
  ~Tmpfs();
  void make_read_only();

 private:
  std::string where_;
};

class Loop {
 public:
  Loop(const std::string& file, const std::string& options);
  ~Loop();
  const std::string& device() const { return device_; }

 private:
  std::string device_;
};

// A QEMU program with the file open: qemu-storage-daemon with an NBD export, or a qemu-system-x86_64 with a virtio-blk disk that
// never started its guest.
class Qemu {
 public:
  enum class Program : std::uint8_t { StorageDaemon, Vm };
  Qemu(Program program, const std::filesystem::path& directory, const std::string& file, Access access);
  ~Qemu();
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_{};
  FileDescriptor pidfd_;
};

// Another descriptor of this process with a lock on a byte, like QEMU's.
class ByteLock {
 public:
  ByteLock(const std::string& file, std::int64_t byte);

 private:
  FileDescriptor fd_;
};

// Another Blockplug daemon on the same directory: a child process with its own hold.
class SecondDaemon {
 public:
  SecondDaemon(const std::filesystem::path& directory, const std::string& name, Access access);
  ~SecondDaemon();
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_{};
};

class NoJournal final : public Journal {
 public:
  Status keep(const Facts&) override { return Ok{}; }
};

// A call for an attachment of volume local/<name>.
struct Asking {
  explicit Asking(const std::string& name, const std::string& target = "vm:web-0", Access access = Access::ReadWrite)
      : key{VolumeId{"local/" + name}, TargetId{target}} {
    spec.access = access;
  }
  Call call() {
    return Call{.key = key,
                .rung = {rungs::kHold, {}},
                .spec = spec,
                .below = below,
                .before = before,
                .deadline = Time::max(),
                .stop = {},
                .operation = "test",
                .journal = journal};
  }
  AttachmentKey key;
  Spec spec;
  Facts below, before;
  NoJournal journal;
};

Attempt perform(LocalBackend& backend, OrderKind kind, const std::string& name, std::optional<std::int64_t> size_bytes = {});
Facts done(const Attempt& attempt);   // fails the test if it is an error
Error error(const Attempt& attempt);  // fails the test if it is not an error

// A backend with its directory.
class LocalWorld : public ::testing::Test {
 protected:
  LocalWorld();
  std::string make_volume(const std::string& name, std::int64_t size_bytes = kMiB);  // its path
  std::vector<std::string> files() const;
  TemporaryDirectory directory_;
  std::unique_ptr<LocalBackend> backend_;
};

}  // namespace blockplug::local::testing
