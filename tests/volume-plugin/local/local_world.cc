// SPDX-License-Identifier: Apache-2.0
#include "tests/volume-plugin/local/local_world.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

namespace blockplug::local::testing {

Ran run(const std::string& command) {
  Ran ran;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  char buffer[4096];
  while (const auto size = std::fread(buffer, 1, sizeof buffer, pipe)) ran.output.append(buffer, size);
  ran.exit_code = WEXITSTATUS(::pclose(pipe));
  if (ran.output.ends_with('\n')) ran.output.pop_back();
  return ran;
}

TemporaryDirectory::TemporaryDirectory() {
  std::string path = "/tmp/blockplug-local-XXXXXX";
  EXPECT_NE(::mkdtemp(path.data()), nullptr);
  path_ = path;
}

TemporaryDirectory::~TemporaryDirectory() {
  EXPECT_EQ(run("grep -c '" + path_.native() + "' /proc/self/mountinfo").output, "0") << "a mount was left behind";
  EXPECT_EQ(run("losetup -a | grep -c '" + path_.native() + "'").output, "0") << "a loop device was left behind";
  std::filesystem::remove_all(path_);
}

Tmpfs::Tmpfs(std::string where, const std::string& options) : where_(std::move(where)) {
  std::filesystem::create_directory(where_);
  EXPECT_EQ(::mount("tmpfs", where_.c_str(), "tmpfs", 0, ("mode=0700," + options).c_str()), 0);
}
Tmpfs::~Tmpfs() { EXPECT_EQ(::umount2(where_.c_str(), MNT_DETACH), 0); }
void Tmpfs::make_read_only() { ASSERT_EQ(::mount("tmpfs", where_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr), 0); }

Loop::Loop(const std::string& file, const std::string& options) {
  const auto ran = run("losetup -f --show " + options + " '" + file + "'");
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  device_ = ran.output;
}
Loop::~Loop() {
  const auto ran = run("losetup -d " + device_);
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
}

Qemu::Qemu(Program program, const std::filesystem::path& directory, const std::string& file, Access access) {
  static int count = 0;
  const auto base = (directory / ("qemu-" + std::to_string(++count))).native();
  const std::string read_only = access == Access::ReadOnly ? "on" : "off";
  const std::string writable = access == Access::ReadOnly ? "off" : "on";
  const auto node = " --blockdev driver=file,node-name=disk,read-only=" + read_only + ",filename=" + file;
  const auto command = program == Program::StorageDaemon
                           ? "qemu-storage-daemon --daemonize" + node + " --nbd-server addr.type=unix,addr.path=" + base +
                                 ".sock --export type=nbd,id=export,node-name=disk,writable=" + writable
                           : "qemu-system-x86_64 -daemonize -S -nodefaults -display none -machine q35 -m 64" + node +
                                 " -device virtio-blk-pci,drive=disk";
  // Daemonized: when it returns, the file is open.
  const auto ran = run(command + " --pidfile " + base + ".pid");
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  std::ifstream{base + ".pid"} >> pid_;
  pidfd_ = FileDescriptor{static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))};
  EXPECT_TRUE(pidfd_.is_open());
}
Qemu::~Qemu() {
  if (!pidfd_.is_open()) return;
  ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  pollfd gone{pidfd_.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&gone, 1, 30'000), 1) << "QEMU did not end";
}

ByteLock::ByteLock(const std::string& file, std::int64_t byte) : fd_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
  struct flock lock {};
  lock.l_type = F_RDLCK;
  lock.l_start = byte;
  lock.l_len = 1;
  EXPECT_EQ(::fcntl(fd_.get(), F_OFD_SETLK, &lock), 0);
}

SecondDaemon::SecondDaemon(const std::filesystem::path& directory, const std::string& name, Access access) {
  int ready[2];
  EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  pid_ = ::fork();
  if (pid_ == 0) {
    auto backend = LocalBackend::open("local", directory);
    if (!backend.ok()) ::_exit(1);
    LocalHold hold{(*backend)->directory(), {}};
    Asking asking{name, "vm:elsewhere", access};
    const char answer = std::holds_alternative<Done>(hold.raise(asking.call())) ? 'y' : 'n';
    if (::write(ready[1], &answer, 1) != 1) ::_exit(1);
    for (;;) ::pause();  // until killed
  }
  ::close(ready[1]);
  char answer = 0;
  EXPECT_EQ(::read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y') << "the second daemon could not raise its hold";
  ::close(ready[0]);
}
SecondDaemon::~SecondDaemon() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

Attempt perform(LocalBackend& backend, OrderKind kind, const std::string& name, std::optional<std::int64_t> size_bytes) {
  Order order{.id = 1, .volume = VolumeId{"local/" + name}, .kind = kind, .arguments = {}};
  if (size_bytes) order.arguments["size_bytes"] = std::to_string(*size_bytes);
  const Facts before;
  NoJournal journal;
  return backend.perform(
      {.order = order, .before = before, .deadline = Time::max(), .stop = {}, .operation = "test", .journal = journal});
}

Facts done(const Attempt& attempt) {
  if (const auto* error = std::get_if<Error>(&attempt)) ADD_FAILURE() << to_text(error->code) << ": " << error->message;
  const auto* done = std::get_if<Done>(&attempt);
  return done == nullptr ? Facts{} : done->facts;
}

Error error(const Attempt& attempt) {
  const auto* error = std::get_if<Error>(&attempt);
  if (error == nullptr) ADD_FAILURE() << "it succeeded";
  return error == nullptr ? Error{} : *error;
}

LocalWorld::LocalWorld() {
  auto opened = LocalBackend::open("local", directory_.path() / "volumes");
  if (!opened.ok()) ADD_FAILURE() << opened.error().message;
  backend_ = std::move(opened).value();
}

std::string LocalWorld::make_volume(const std::string& name, std::int64_t size_bytes) {
  done(perform(*backend_, OrderKind::Create, name, size_bytes));
  return backend_->directory().path_of(name);
}

std::vector<std::string> LocalWorld::files() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator{backend_->directory().path()})
    names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

}  // namespace blockplug::local::testing
