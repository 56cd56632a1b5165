// SPDX-License-Identifier: Apache-2.0
#include "tests/ceph/map/cluster/fuse_world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "hotplug/host/device_mark.h"
#include "hotplug/host/file_descriptor.h"
#include "hotplug/host/text_file.h"
#include "hotplug/rungs.h"
#include "hotplug/vm/qmp/client.h"
#include "tests/support/paths.h"

namespace blockplug::rbd::testing {
namespace {
namespace fs = std::filesystem;

// A separate directory with a short name, because a socket's path may have only 107 bytes.
fs::path new_directory() {
  auto path = (fs::path{::testing::TempDir()} / "fuse-XXXXXX").native();
  EXPECT_NE(::mkdtemp(path.data()), nullptr);
  return path;
}

}  // namespace

FuseTest::FuseTest() : run_dir_(new_directory()) {}

void FuseTest::SetUp() {
  ASSERT_TRUE(processes_.start().ok());
  auto source = RbdSource::make({cluster_, place(), "node-1", run_dir_});
  ASSERT_TRUE(source.ok()) << source.error().message;
  source_ = std::move(*source);
  map_ = another_life();
}

std::unique_ptr<FuseMapper> FuseTest::another_life(NodeSource& source, const std::string& launcher) {
  helper_ = std::make_unique<Helper>(blockplug::testing::program("blockplug-helper"), run_dir_ / "helpers");
  return std::make_unique<FuseMapper>(fuse::FuseMap::Parts{.backend = place().backend,
                                                           .source = source,
                                                           .helper = *helper_,
                                                           .events = events_,
                                                           .processes = processes_,
                                                           .owner = owner(),
                                                           .run_dir = run_dir_,
                                                           .launcher = launcher});
}

void FuseTest::TearDown() {
  expect_nothing_left();
  for (const auto pid : storage_daemons()) ::kill(pid, SIGCONT), ::kill(pid, SIGKILL);
  for (const auto& loop : loops()) run({"losetup", "-d", loop});
  for (const auto& mount : mounts()) ::umount2(mount.c_str(), MNT_DETACH);
  fs::remove_all(run_dir_);
  ImagesTest::TearDown();
}

void FuseTest::expect_nothing_left() {
  EXPECT_TRUE(comes_true([&] { return storage_daemons().empty(); }));
  for (const auto& loop : loops()) ADD_FAILURE() << "left behind: " << loop;
  for (const auto& mount : mounts()) ADD_FAILURE() << "left behind: the mount on " << mount;
  if (fs::exists(run_dir_ / "maps"))
    for (const auto& entry : fs::directory_iterator(run_dir_ / "maps")) ADD_FAILURE() << "left behind: " << entry.path();
}

Asking FuseTest::hold(const std::string& name, Access access, std::int64_t size_bytes) {
  Asking asking{name, "host", access};
  asking.spec.size_bytes = size_bytes;
  const auto facts = done(hold_.raise(asking.call()));
  for (const auto& [key, value] : facts) asking.below[key] = value;
  return asking;
}

void FuseTest::release(Asking& asking) {
  asking.before.clear();
  for (const auto& [key, value] : asking.below)
    if (key.starts_with("image.") || key.starts_with("hold.")) asking.before[key] = value;
  const bool is_released = comes_true([&] { return std::holds_alternative<Done>(hold_.lower(asking.call())); });
  EXPECT_TRUE(is_released);
}

Call FuseTest::call(Asking& asking, std::chrono::milliseconds limit) {
  return Call{.key = asking.key,
              .rung = {rungs::kMap, {}},
              .spec = asking.spec,
              .below = asking.below,
              .before = asking.before,
              .deadline = Clock::now() + limit,
              .stop = {},
              .operation = "test",
              .journal = asking.journal};
}

std::string FuseTest::raise(FuseMapper& map, Asking& asking) {
  asking.before = done(map.raise(call(asking)));
  return asking.before["device.path"];
}

std::string FuseTest::own(Asking& asking) {
  for (const auto& [name, value] : asking.before) asking.below[name] = value;
  return done(own_.raise(asking.call(rungs::kOwn)))["image.client"];
}

void FuseTest::lower(FuseMapper& map, Asking& asking) {
  Attempt lowered = Done{};
  const bool is_done = comes_true([&] {
    lowered = map.lower(call(asking));
    return !std::holds_alternative<Waiting>(lowered);
  });
  EXPECT_TRUE(is_done);
  done(lowered);
  asking.before.clear();
}

Finding FuseTest::probe(FuseMapper& map, Asking& asking, std::chrono::milliseconds limit) { return map.probe(call(asking, limit)); }

fs::path FuseTest::directory_of(const std::string& name) const {
  return run_dir_ / "maps" / device_mark(owner(), VolumeId{"ceph/" + name});
}

std::vector<pid_t> FuseTest::storage_daemons() const {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const auto pid = std::atoi(entry.path().filename().c_str());
    const auto command = pid > 0 ? text_of(entry.path() / "cmdline") : std::string{};
    if (command.find("storage-daemon") != std::string::npos && command.find(run_dir_.native()) != std::string::npos)
      found.push_back(pid);
  }
  return found;
}

std::vector<std::string> FuseTest::loops() const {
  std::vector<std::string> found;
  if (!fs::exists(run_dir_ / "maps")) return found;
  for (const auto& entry : fs::directory_iterator(run_dir_ / "maps"))
    for (const auto& loop : fuse::loops_of(entry.path())) found.push_back(loop.path);
  return found;
}

std::vector<std::string> FuseTest::mounts() const {
  std::vector<std::string> found;
  std::istringstream table{text_of("/proc/self/mountinfo")};
  for (std::string line; std::getline(table, line);) {
    std::istringstream words{line};
    std::string id, parent, number, root, where;
    if (words >> id >> parent >> number >> root >> where && where.starts_with(run_dir_.native())) found.push_back(where);
  }
  return found;
}

std::string FuseTest::answer(const std::string& name, const std::string& command, const std::string& arguments) {
  const auto until = Clock::now() + std::chrono::seconds(10);
  auto client = qmp::Client::connect(directory_of(name) / fuse::kSocketFile, {}, until);
  if (!client.ok()) return client.error().message;
  const auto reply = (*client)->execute(command, nlohmann::json::parse(arguments), until, "test");
  return reply.ok() ? reply->dump() : reply.error().message;
}

std::int64_t FuseTest::used_bytes(const std::string& name) {
  const auto said = nlohmann::json::parse(rbd_program({"du", "--format", "json", spec(name)}).output, nullptr, false);
  if (said.is_object()) return said.at("images").at(0).at("used_size");
  ADD_FAILURE() << "rbd du of " << name;
  return -1;
}

std::string read_device(const std::string& device, std::int64_t at, std::size_t size) {
  const FileDescriptor fd{::open(device.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC)};
  constexpr std::size_t kBlock = 4096;
  alignas(kBlock) static char buffer[kBlock];
  const auto got = ::pread(fd.get(), buffer, kBlock, at);
  return got < 0 ? "error " + std::to_string(errno) : std::string(buffer, std::min(size, static_cast<std::size_t>(got)));
}

std::string write_device(const std::string& device, std::int64_t at, const std::string& text) {
  const FileDescriptor fd{::open(device.c_str(), O_WRONLY | O_CLOEXEC)};
  if (!fd.is_open()) return "error " + std::to_string(errno);
  const bool is_written =
      ::pwrite(fd.get(), text.data(), text.size(), at) == static_cast<ssize_t>(text.size()) && ::fsync(fd.get()) == 0;
  return is_written ? "written" : "error " + std::to_string(errno);
}

}  // namespace blockplug::rbd::testing
