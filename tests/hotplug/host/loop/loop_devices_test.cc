// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/loop/loop_devices.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <thread>

#include "hotplug/host/file_descriptor.h"
#include "tests/hotplug/host/loop/loop_world.h"

namespace blockplug::testing {
namespace {
namespace fs = std::filesystem;

class LoopDevices : public LoopWorld {
 protected:
  Facts desired(const std::string& file, const std::string& access = "rw", const std::string& direct = "false") {
    struct stat status {};
    EXPECT_EQ(::stat(file.c_str(), &status), 0);
    return {{"file", file},
            {"device", std::to_string(status.st_dev)},
            {"inode", std::to_string(status.st_ino)},
            {"access", access},
            {"direct", direct},
            {"mark", mark_}};
  }
  void unmap(const std::string& device) { verb("loop-unmap", {{"device", device}, {"mark", mark_}}); }
  const std::string mark_ = "bp-test-" + std::to_string(::getpid());  // tests run in parallel
};

TEST_F(LoopDevices, MapsAndFindsByInodeWithAllThatIsSaid) {
  const auto file = make_file("data");
  for (const std::string access : {"rw", "ro"}) {
    const auto facts = verb("loop-map", desired(file, access));
    const auto device = loop::at(facts.at("device"));
    ASSERT_TRUE(device.ok() && *device);
    EXPECT_EQ((*device)->path, facts.at("device"));
    EXPECT_EQ((*device)->number, facts.at("number"));
    EXPECT_EQ((*device)->file, file);
    EXPECT_EQ((*device)->mark, mark_);
    EXPECT_EQ((*device)->access, access == "ro" ? Access::ReadOnly : Access::ReadWrite);
    EXPECT_EQ((*device)->size_bytes, 16 * kMiB);
    EXPECT_FALSE((*device)->is_leaving);
    EXPECT_FALSE((*device)->is_direct);
    struct stat status {};
    ASSERT_EQ(::stat(file.c_str(), &status), 0);
    EXPECT_EQ(loop::over(status.st_dev, status.st_ino)->size(), 1U);
    EXPECT_EQ(loop::over(status.st_dev, status.st_ino + 1)->size(), 0U);
    EXPECT_EQ(verb("loop-map", desired(file, access)), facts) << "the same again";
    EXPECT_EQ(may_write(facts.at("device")), access == "rw");
    unmap(facts.at("device"));
    EXPECT_FALSE(*loop::at(facts.at("device")));
    unmap(facts.at("device"));
  }
  EXPECT_EQ(run("head -c 7 " + file).output, "written");
}

TEST_F(LoopDevices, MapsWithDirectAccessWhereTheFileSystemCan) {
  const auto file = make_file("data");
  const FileDescriptor direct(::open(file.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC));
  ASSERT_TRUE(direct.is_open()) << "TEST_TMPDIR must be on a file system with direct I/O";
  const auto device = verb("loop-map", desired(file, "rw", "true")).at("device");
  EXPECT_TRUE((*loop::at(device))->is_direct);
  EXPECT_EQ(run("blockdev --getss " + device).output, "512");
  unmap(device);
}

TEST_F(LoopDevices, RefusesAnotherFileThanTheOneThatIsHeld) {
  const auto file = make_file("data");
  auto other = desired(file);
  other["inode"] = std::to_string(std::stoull(other["inode"]) + 1);
  const auto refused = verb_error("loop-map", other);
  EXPECT_EQ(refused.code, Code::FailedPrecondition);
  EXPECT_EQ(refused.effect, Effect::None);
  EXPECT_NE(refused.message.find("it was replaced"), std::string::npos) << refused.message;
  fs::create_symlink(file, directory_ / "link");
  auto link = desired(file);
  link["file"] = directory_ / "link";
  EXPECT_EQ(verb_error("loop-map", link).effect, Effect::None);
  auto missing = desired(file);
  missing["file"] = directory_ / "nothing";
  EXPECT_EQ(verb_error("loop-map", missing).code, Code::NotFound);
  EXPECT_TRUE(devices_over(file).empty());
}

TEST_F(LoopDevices, RefusesArgumentsThatAreNone) {
  const auto file = make_file("data");
  for (const auto* name : {"file", "device", "inode", "access", "direct", "mark"}) {
    auto broken = desired(file);
    broken.erase(name);
    EXPECT_EQ(verb_error("loop-map", broken).code, Code::InvalidArgument) << name;
    if (std::string(name) == "file") continue;
    broken[name] = name == std::string("mark") ? std::string(64, 'x') : "1x";
    EXPECT_EQ(verb_error("loop-map", broken).code, Code::InvalidArgument) << name;
  }
  EXPECT_EQ(verb_error("loop-unmap", {{"device", "/dev/loop0"}}).code, Code::InvalidArgument);
}

TEST_F(LoopDevices, NeverUnmapsWhatHasAnotherMark) {
  const auto file = make_file("data");
  const auto device = run("losetup -f --show " + file).output;
  unmap(device);
  EXPECT_EQ(devices_over(file), std::vector<std::string>{device});
  EXPECT_EQ(verb_error("loop-resize", {{"device", device}, {"mark", mark_}}).code, Code::FailedPrecondition);
  EXPECT_EQ(run("losetup -d " + device).exit_code, 0);
}

TEST_F(LoopDevices, LeavesADeviceThatIsOpenAsItWas) {
  const auto file = make_file("data");
  const auto device = verb("loop-map", desired(file)).at("device");
  {
    const FileDescriptor open(::open(device.c_str(), O_RDONLY | O_CLOEXEC));
    const auto refused = verb_error("loop-unmap", {{"device", device}, {"mark", mark_}});
    EXPECT_EQ(refused.code, Code::FailedPrecondition);
    EXPECT_EQ(refused.effect, Effect::None);
    ASSERT_TRUE(*loop::at(device));
    EXPECT_FALSE((*loop::at(device))->is_leaving);
  }
  EXPECT_TRUE(*loop::at(device)) << "it went with its last user";
  unmap(device);
  EXPECT_FALSE(*loop::at(device));
}

TEST_F(LoopDevices, MakesTheNodeThatIsMissingAndSeesDevicesWithoutOne) {
  const auto file = make_file("data");
  const auto first = verb("loop-map", desired(file)).at("device");
  unmap(first);
  ASSERT_EQ(::unlink(first.c_str()), 0);
  const auto device = verb("loop-map", desired(file)).at("device");
  if (device != first) {
    EXPECT_EQ(run("mknod " + first + " b 7 " + first.substr(9)).exit_code, 0);
  }  // another process was faster
  EXPECT_TRUE((*loop::at(device))->has_node);
  ASSERT_EQ(::unlink(device.c_str()), 0);
  const auto seen = loop::at(device);
  ASSERT_TRUE(seen.ok() && *seen);
  struct stat status {};
  EXPECT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ((*seen)->file_inode, status.st_ino);
  EXPECT_EQ((*seen)->file_device, status.st_dev);
  EXPECT_FALSE((*seen)->has_node);
  ASSERT_EQ(run("mknod -m 600 " + device + " b 7 " + device.substr(9)).exit_code, 0);
  unmap(device);
}

TEST_F(LoopDevices, KnowsNothingAtAPathThatIsNoLoopDevice) {
  for (const auto* path : {"/dev/null", "/dev/loop-control", "/dev/loop", "/dev/loop99999", "", "/dev/../dev/loop0", "loop0x"})
    EXPECT_FALSE(*loop::at(path)) << path;
}

TEST_F(LoopDevices, MapsAndUnmapsManyAtOnce) {
  constexpr int kMany = 12;
  std::vector<std::string> files, devices(kMany);
  for (int index = 0; index < kMany; ++index) files.push_back(make_file("data-" + std::to_string(index), kMiB));
  const auto at_once = [&](const auto& act) {
    std::vector<std::jthread> threads;
    for (std::size_t index = 0; index < kMany; ++index) threads.emplace_back([&, index] { act(index); });
  };
  at_once([&](std::size_t index) { devices[index] = verb("loop-map", desired(files[index])).at("device"); });
  for (std::size_t index = 0; index < kMany; ++index) EXPECT_EQ(devices_over(files[index]), std::vector{devices[index]});
  at_once([&](std::size_t index) { unmap(devices[index]); });
  for (std::size_t index = 0; index < kMany; ++index) EXPECT_TRUE(devices_over(files[index]).empty());
}

TEST_F(LoopDevices, TellsItsNewSize) {
  const auto file = make_file("data");
  const auto device = verb("loop-map", desired(file)).at("device");
  fs::resize_file(file, 32 * kMiB);
  EXPECT_EQ((*loop::at(device))->size_bytes, 16 * kMiB);
  EXPECT_EQ(verb("loop-resize", {{"device", device}, {"mark", mark_}}), (Facts{{"size_bytes", std::to_string(32 * kMiB)}}));
  unmap(device);
}
}  // namespace
}  // namespace blockplug::testing
