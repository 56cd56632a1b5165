// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/mount/publish.h"

#include <sched.h>

#include "hotplug/host/mount/place.h"
#include "hotplug/host/mount/target_path.h"
#include "hotplug/rungs.h"
#include "tests/hotplug/host/mount/mount_bench.h"

namespace blockplug::testing {
namespace {

class Publish : public MountBench {
 protected:
  void stage_volume() {
    make_volume(16 * kMebibyte);
    ASSERT_EQ(raise_stage(), "done");
  }
  void map_raw() {
    make_volume(16 * kMebibyte);
    spec.filesystem.clear();
  }
  std::string place() const { return scratch.at("stages/local/data-1"); }
  const std::string pod = scratch.at("pods/web/data");
};

// A process in its own mount namespace that keeps all current mounts; it ends with this object.
class OtherNamespace {
 public:
  explicit OtherNamespace(bool is_private) {
    std::vector<std::string> command{
        "unshare", "--mount", "--propagation", is_private ? "private" : "slave", "sh", "-c", "echo ready; exec sleep 1000"};
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    std::vector<char*> arguments;
    for (auto& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    EXPECT_EQ(::posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    char ready{};
    EXPECT_EQ(::read(ends[0], &ready, 1), 1);
    ::close(ends[0]);
  }
  ~OtherNamespace() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  OtherNamespace(const OtherNamespace&) = delete;
  OtherNamespace& operator=(const OtherNamespace&) = delete;
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_{};
};

TEST_F(Publish, BindsAStagedFileSystemToAPathThatItMakes) {
  stage_volume();
  ASSERT_EQ(raise_at(pod), "done");
  EXPECT_EQ(leaves[pod].before, (Facts{{"mount.path", pod}, {"mount.number", loop->number()}}));
  EXPECT_EQ(probe_at(pod).standing, Standing::Up);
  std::ofstream{pod + "/file"} << "hello";
  EXPECT_EQ(all_bytes(place() + "/file"), "hello");
  ASSERT_EQ(lower_at(pod), "done");
  EXPECT_FALSE(files::exists(scratch.at("pods")));
  EXPECT_EQ(probe_at(pod).standing, Standing::Down);
  EXPECT_EQ(lower_stage(), "done");
}

TEST_F(Publish, RaisesAndLowersAgainWithTheSameEnd) {
  stage_volume();
  EXPECT_EQ(lower_at(pod), "done");
  EXPECT_EQ(probe_at(pod).standing, Standing::Down);
  ASSERT_EQ(raise_at(pod), "done");
  const auto facts = leaves[pod].before;
  ASSERT_EQ(raise_at(pod), "done");
  EXPECT_EQ(leaves[pod].before, facts);
  EXPECT_EQ(probe_at(pod).facts, facts);
  int count = 0;
  for (const auto& mount : mounts()) count += mount.path == pod ? 1 : 0;
  EXPECT_EQ(count, 1);
  EXPECT_EQ(lower_at(pod), "done");
  EXPECT_EQ(lower_at(pod), "done");
}

TEST_F(Publish, RefusesPathsThatAreNoneAndTargetsThatAreTaken) {
  stage_volume();
  files::create_directory(scratch.at("full"));
  make_file(scratch.at("full/file"), 1);
  files::create_directory(scratch.at("empty"));
  files::create_symlink(scratch.at("empty"), scratch.at("link"));
  files::create_directory(scratch.at("taken"));
  must({"mount", "-t", "tmpfs", "tmpfs", scratch.at("taken")});
  for (const auto& [path, part] :
       {std::pair{std::string("relative/path"), "INVALID_ARGUMENT, none: path 'relative/path' is not absolute"},
        {scratch.at("a/../b"), "INVALID_ARGUMENT, none: "},
        {scratch.at("full"), "FAILED_PRECONDITION, none: "},
        {scratch.at("full/file"), "is a file"},
        {scratch.at("link"), "is a symbolic link"},
        {scratch.at("taken"), "has tmpfs (tmpfs) mounted on it"}}) {
    EXPECT_HAS(raise_at(path), part);
    EXPECT_EQ(lower_at(path), "done");
  }
  EXPECT_EQ(probe_at(scratch.at("taken")).standing, Standing::Foreign);
  EXPECT_TRUE(mounted_at(scratch.at("taken")));
  EXPECT_TRUE(files::exists(scratch.at("full/file")));
  EXPECT_TRUE(files::is_symlink(scratch.at("link")));
}

TEST_F(Publish, ReadOnlyIsReadOnlyWhileTheOthersStayWritable) {
  stage_volume();
  leaf.access = Access::ReadOnly;
  ASSERT_EQ(raise_at(pod), "done");
  EXPECT_FALSE(std::ofstream{pod + "/file"}.is_open());
  EXPECT_TRUE(std::ofstream{place() + "/file"}.is_open());
  EXPECT_TRUE(mounted_at(pod)->is_bound_read_only);
  EXPECT_FALSE(mounted_at(place())->is_read_only());
  EXPECT_EQ(probe_at(pod).standing, Standing::Up);
}

TEST_F(Publish, ChangesBetweenReadOnlyAndWritableInPlaceButWaitsForWriters) {
  stage_volume();
  ASSERT_EQ(raise_at(pod), "done");
  leaf.access = Access::ReadOnly;
  EXPECT_EQ(probe_at(pod).standing, Standing::Stale);
  {
    std::ofstream writer{pod + "/file"};
    EXPECT_HAS(raise_at(pod), "waiting: " + pod + " is in use by process " + std::to_string(::getpid()));
  }
  ASSERT_EQ(raise_at(pod), "done");
  EXPECT_FALSE(std::ofstream{pod + "/file"}.is_open());
  leaf.access = Access::ReadWrite;
  ASSERT_EQ(raise_at(pod), "done");
  EXPECT_TRUE(std::ofstream{pod + "/file"}.is_open());
}

TEST_F(Publish, SetsTheFlagsOfThePathAloneAndRefusesThoseOfFileSystems) {
  stage_volume();
  leaf.flags = {"noexec", "nosuid", "noatime"};
  ASSERT_EQ(raise_at(pod), "done");
  const auto table = all_bytes("/proc/self/mounts");
  const auto line_of = [&](const std::string& path) {
    const auto begin = table.find(" " + path + " ");
    return table.substr(begin, table.find('\n', begin) - begin);
  };
  EXPECT_HAS(line_of(pod), "rw,nosuid,noexec,noatime");
  EXPECT_EQ(line_of(place()).find("noexec"), std::string::npos);
  leaf.flags = {"discard"};
  EXPECT_HAS(raise_at(scratch.at("other")),
             "INVALID_ARGUMENT, none: mount flag 'discard' cannot be set per path: use ro, rw, nodev");
  EXPECT_FALSE(files::exists(scratch.at("other")));
}

TEST_F(Publish, KeepsDirectoriesThatWereThereAndThoseThatGotAFileMeanwhile) {
  stage_volume();
  files::create_directories(scratch.at("pods/web"));
  ASSERT_EQ(raise_at(pod), "done");
  ASSERT_EQ(lower_at(pod), "done");
  EXPECT_FALSE(files::exists(pod));
  EXPECT_TRUE(files::exists(scratch.at("pods/web")));
  const auto deep = scratch.at("deep/er/data");
  ASSERT_EQ(raise_at(deep), "done");
  make_file(scratch.at("deep/file"), 1);
  ASSERT_EQ(lower_at(deep), "done");
  EXPECT_FALSE(files::exists(scratch.at("deep/er")));
  EXPECT_TRUE(files::exists(scratch.at("deep/file")));
}

TEST_F(Publish, BindsARawDeviceToAFileThatItMakes) {
  map_raw();
  const auto node = scratch.at("node");
  ASSERT_EQ(raise_at(node), "done");
  EXPECT_EQ(probe_at(node).standing, Standing::Up);
  EXPECT_EQ(leaves[node].before["mount.device"], loop->device());
  struct stat status {};
  ASSERT_EQ(::stat(node.c_str(), &status), 0);
  EXPECT_TRUE(S_ISBLK(status.st_mode));
  put_bytes(node, 0, "raw bytes");
  must({"sync", node});
  ASSERT_EQ(lower_at(node), "done");
  EXPECT_FALSE(files::exists(node));
  EXPECT_EQ(all_bytes(image).substr(0, 9), "raw bytes");
  EXPECT_EQ(raise_at(scratch.at("no/such/node")).substr(0, 15), "NOT_FOUND, none");
}

TEST_F(Publish, BindsNoDeviceThatIsAnotherOneNow) {
  map_raw();
  const auto node = scratch.at("node");
  below["device.number"] = "7:4711";
  EXPECT_HAS(raise_at(node), "it is now device " + loop->number() + ", not 7:4711");
  below["device.path"] = image;
  EXPECT_HAS(raise_at(node), "it is not a block device");
  EXPECT_FALSE(files::exists(node));
  below["device.path"] = loop->device();
  below["device.number"] = loop->number();
  ASSERT_EQ(raise_at(node), "done");
  below["device.number"] = "7:4711";
  EXPECT_EQ(probe_at(node).standing, Standing::Stale);
}

TEST_F(Publish, NeverBindsTheDirectoryBelowAMissingMount) {
  stage_volume();
  ASSERT_EQ(::umount2(place().c_str(), 0), 0);
  EXPECT_HAS(raise_at(pod), "FAILED_PRECONDITION, none: " + place() + " cannot be bound to " + pod + ": it is on device ");
  EXPECT_FALSE(files::exists(scratch.at("pods")));
  below["mount.number"] = "7:4711";
  must({"mount", loop->device(), place()});
  EXPECT_HAS(raise_at(pod), "it is on device " + loop->number() + ", not 7:4711");
  below["mount.number"] = loop->number();
  files::create_directory(place() + "/below");
  below["mount.path"] = place() + "/below";
  EXPECT_HAS(raise_at(pod), "it is not a mount point");
}

TEST_F(Publish, SaysWhoKeepsItBusyAndLetsNobodysMountGo) {
  stage_volume();
  ASSERT_EQ(raise_at(pod), "done");
  {
    std::ofstream user{pod + "/file"};
    const auto who = pod + " is in use by process " + std::to_string(::getpid()) + " (";
    EXPECT_HAS(lower_at(pod), "waiting: " + who);
    EXPECT_HAS(lower_at(pod, LowerReason::GapBelow), "FAILED_PRECONDITION, none: " + who);
  }
  files::create_directory(pod + "/inner");
  must({"mount", "-t", "tmpfs", "tmpfs", pod + "/inner"});
  EXPECT_HAS(lower_at(pod), "waiting: " + pod + " is in use by the mount of tmpfs on " + pod + "/inner");
  must({"umount", pod + "/inner"});
  must({"mount", "-t", "tmpfs", "stranger", pod});
  EXPECT_HAS(lower_at(pod), "FAILED_PRECONDITION, none: " + pod + " has stranger (tmpfs) mounted over the volume's mount");
  EXPECT_EQ(probe_at(pod).standing, Standing::Stale);
  must({"umount", pod});
  EXPECT_EQ(lower_at(pod), "done");
}

TEST_F(Publish, ThatIsHiddenByAMountAboveItIsToldAndDetachedWhenThatIsLifted) {
  stage_volume();
  ASSERT_EQ(raise_at(pod), "done");
  const auto above = files::path(pod).parent_path().string();
  must({"mount", "-t", "tmpfs", "stranger", above});
  const auto hidden = pod + " is hidden by stranger (tmpfs) at " + above + ": unmount that";
  const auto found = probe_at(pod);
  EXPECT_EQ(found.standing, Standing::Stale);
  EXPECT_EQ(found.why, hidden);
  EXPECT_HAS(raise_at(pod), "FAILED_PRECONDITION, none: " + hidden);
  EXPECT_HAS(lower_at(pod), hidden);
  must({"umount", above});
  EXPECT_EQ(probe_at(pod).standing, Standing::Up);
  EXPECT_EQ(lower_at(pod), "done");
}

TEST_F(Publish, LeavesAHoleAloneThatAnotherMountNamespaceUses) {
  stage_volume();
  ASSERT_EQ(raise_at(pod), "done");
  {
    const OtherNamespace container{true};
    EXPECT_HAS(lower_at(pod, LowerReason::GapBelow), "FAILED_PRECONDITION, none: " + pod + " is in use by process " +
                                                         std::to_string(container.pid()) + " (sleep), in another mount namespace");
    EXPECT_TRUE(mounted_at(pod));
  }
  EXPECT_EQ(lower_at(pod, LowerReason::GapBelow), "done");
}

// Like systemd services: their copies of a mount go with ours, and do not count as users.
TEST_F(Publish, TakesAHoleAwayWhoseCopiesElsewhereOnlyFollow) {
  files::create_directory(scratch.at("pods"));
  must({"mount", "-t", "tmpfs", "shared", scratch.at("pods")});
  must({"mount", "--make-shared", scratch.at("pods")});
  stage_volume();
  ASSERT_EQ(raise_at(pod), "done");
  EXPECT_NE(mounted_at(pod)->peers, 0);
  ASSERT_EQ(lower_at(pod), "done");
  const OtherNamespace service{false};
  ASSERT_EQ(raise_at(pod), "done");
  EXPECT_HAS(all_bytes("/proc/" + std::to_string(service.pid()) + "/mountinfo"), pod);
  EXPECT_EQ(lower_at(pod, LowerReason::GapBelow), "done");
  EXPECT_EQ(all_bytes("/proc/" + std::to_string(service.pid()) + "/mountinfo").find(pod), std::string::npos);
}

TEST_F(Publish, WhatIsMountedInOnePodDoesNotAppearInAnother) {
  for (const char* directory : {"pods", "stages"}) {
    files::create_directory(scratch.at(directory));
    must({"mount", "-t", "tmpfs", "shared", scratch.at(directory)});
    must({"mount", "--make-shared", scratch.at(directory)});
  }
  stage_volume();
  ASSERT_NE(mounted_at(place())->peers, 0);
  const auto other = scratch.at("pods/db");
  ASSERT_EQ(raise_at(pod), "done");
  ASSERT_EQ(raise_at(other), "done");
  files::create_directory(pod + "/inner");
  must({"mount", "-t", "tmpfs", "inner", pod + "/inner"});
  EXPECT_FALSE(mounted_at(other + "/inner"));
  EXPECT_FALSE(mounted_at(place() + "/inner"));
}

TEST_F(Publish, UnmountsADeadFileSystemWithoutAskingIt) {
  make_volume(300 * kMebibyte);
  spec.filesystem = "xfs";
  ASSERT_EQ(raise_stage(), "done");
  ASSERT_EQ(raise_at(pod), "done");
  std::ofstream{pod + "/file"} << "hello";
  must({"xfs_io", "-x", "-c", "shutdown", place()});
  EXPECT_NE(run({"ls", pod}).exit_status, 0);
  EXPECT_EQ(probe_at(pod).standing, Standing::Up) << "the mount is there; what it shows is not ours to judge";
  EXPECT_EQ(lower_at(pod), "done");
  EXPECT_EQ(lower_stage(), "done");
  EXPECT_FALSE(files::exists(scratch.at("pods")));
}

TEST_F(Publish, FinishesWhatACrashLeftHalfWay) {
  stage_volume();
  ASSERT_TRUE(mount::make_target(pod, mount::Shape::Directory).ok());
  EXPECT_EQ(probe_at(pod).standing, Standing::Partial);
  ASSERT_EQ(raise_at(pod), "done");
  leaves[pod].before.erase("mount.number");  // mounted, and then the daemon died
  EXPECT_EQ(probe_at(pod).standing, Standing::Partial);
  EXPECT_EQ(lower_at(pod), "done");
  EXPECT_FALSE(files::exists(scratch.at("pods")));
}

TEST_F(Publish, ProbeChangesNothing) {
  stage_volume();
  EXPECT_EQ(probe_at(pod).standing, Standing::Down);
  EXPECT_FALSE(files::exists(scratch.at("pods")));
  EXPECT_TRUE(leaves[pod].journal.kept.empty());
}

TEST_F(Publish, GoesThroughLinksInTheParentAndRecordsWhereItReallyIs) {
  stage_volume();
  files::create_directory(scratch.at("real"));
  files::create_symlink(scratch.at("real"), scratch.at("link"));
  const auto path = scratch.at("link/data");
  ASSERT_EQ(raise_at(path), "done");
  EXPECT_EQ(leaves[path].before["mount.path"], scratch.at("real/data"));
  EXPECT_EQ(probe_at(path).standing, Standing::Up);
  EXPECT_EQ(lower_at(path), "done");
  EXPECT_FALSE(files::exists(scratch.at("real/data")));
}

// Somebody who may rename a directory on the way puts a link there, after the check and before the act.
class ReplacedByALink : public MountBench {
 protected:
  ReplacedByALink() {
    files::create_directories(scratch.at("real/deep"));
    files::create_symlink(scratch.at("real"), scratch.at("link"));
    files::create_directories(scratch.at("elsewhere"));
  }
  void replace() const {
    files::rename(scratch.at("real/deep"), scratch.at("moved"));
    files::create_symlink(scratch.at("elsewhere"), scratch.at("real/deep"));
  }
  std::string refusal() const {
    return "FAILED_PRECONDITION, none: " + scratch.at("real/deep") + " has been replaced by a symbolic link since the path " +
           scratch.at("real/deep/data") + " was checked, so nothing is done there: put the directory back, or use another path";
  }
  void stage_volume() {
    make_volume(16 * kMebibyte);
    ASSERT_EQ(raise_stage(), "done");
  }
};

TEST_F(ReplacedByALink, APathIsNotBoundBehindIt) {
  stage_volume();
  const auto path = scratch.at("link/deep/data");
  leaves[path].journal.on_keep = [&] { replace(); };  // what is kept is kept after the check
  EXPECT_EQ(raise_at(path), refusal());
  EXPECT_TRUE(files::is_empty(scratch.at("elsewhere")));
  files::create_directory(scratch.at("elsewhere/data"));
  EXPECT_EQ(raise_at(path), refusal());
  EXPECT_FALSE(mounted_at(scratch.at("elsewhere/data")));
}

TEST_F(ReplacedByALink, AVolumeIsNotStagedBehindIt) {
  make_volume(16 * kMebibyte);
  spec.staging_path = scratch.at("real/deep/data");
  records.on_set = [&](const FormatRecord& now) {  // before the mount, behind the check
    if (now.state == FormatRecord::State::Formatted) replace();
  };
  EXPECT_EQ(raise_stage(), refusal());
  EXPECT_TRUE(files::is_empty(scratch.at("elsewhere")));
}

TEST_F(ReplacedByALink, NothingIsUnmountedNorRemovedBehindIt) {
  stage_volume();
  const auto path = scratch.at("real/deep/data"), other = scratch.at("elsewhere/data");
  ASSERT_EQ(raise_at(path), "done");
  ASSERT_EQ(raise_at(other), "done");
  replace();
  EXPECT_EQ(lower_at(path), refusal());
  EXPECT_TRUE(mounted_at(other));
  EXPECT_TRUE(mounted_at(scratch.at("moved/data")));
  ASSERT_EQ(lower_at(other), "done");
  ASSERT_TRUE(mount::make_target(other, mount::Shape::Directory).ok());  // ours and empty: another attach is about to mount there
  EXPECT_EQ(lower_at(path), refusal());
  mount::remove_target(path);
  EXPECT_TRUE(files::exists(other));
  files::remove(scratch.at("real/deep"));
  files::rename(scratch.at("moved"), scratch.at("real/deep"));
  EXPECT_EQ(lower_at(path), "done") << "it is where it was";
  EXPECT_FALSE(files::exists(path));
}

// The whole directory was exchanged for another one, in which the same file system is bound at the same name.
TEST_F(ReplacedByALink, AnotherMountOfTheSameNameIsNotTakenForIt) {
  stage_volume();
  const auto path = scratch.at("real/deep/data");
  ASSERT_EQ(raise_at(path), "done");
  const auto before = mount::all_mounts().value();
  const auto ours = mount::find_at(before, path);
  ASSERT_EQ(raise_at(scratch.at("elsewhere/data")), "done");
  files::rename(scratch.at("real/deep"), scratch.at("moved"));
  files::rename(scratch.at("elsewhere"), scratch.at("real/deep"));
  const auto place = mount::Place::find(path);
  ASSERT_TRUE(place.ok());
  const auto status = place->check_has(*ours);
  ASSERT_FALSE(status.ok());
  EXPECT_HAS(status.error().message, "leads to another mount than the one of " + loop->device());
  EXPECT_TRUE(place->check_has(*mounted_at(path)).ok());
}

TEST_F(Publish, TakesAnyNameThatADirectoryMayHave) {
  stage_volume();
  const auto path = scratch.at("a b/c\\040d#/\xc3\xa4 'quoted'");
  ASSERT_EQ(raise_at(path), "done");
  EXPECT_EQ(probe_at(path).standing, Standing::Up);
  EXPECT_EQ(lower_at(path), "done");
  EXPECT_FALSE(files::exists(scratch.at("a b")));
}

TEST_F(Publish, IsFoundWithoutARecordOfIt) {
  stage_volume();
  ASSERT_EQ(raise_at(pod), "done");
  const auto found = publish.survey(Clock::now() + std::chrono::minutes(1));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].leaf, pod);
  EXPECT_EQ(found[0].what, "mount of " + loop->device() + " at " + pod);
  leaves[pod].before = found[0].facts;
  EXPECT_EQ(lower_at(pod), "done");
  EXPECT_FALSE(mounted_at(pod));
}

TEST_F(Publish, OfARawDeviceIsFoundWithoutARecordOfIt) {
  map_raw();
  const auto node = scratch.at("node");
  ASSERT_EQ(raise_at(node), "done");
  const auto found = publish.survey(Clock::now() + std::chrono::minutes(1));
  ASSERT_EQ(found.size(), 1U);
  leaves[node].before = found[0].facts;
  below.clear();
  EXPECT_EQ(lower_at(node), "done");
  EXPECT_FALSE(mounted_at(node));
}

TEST_F(Publish, WithoutAnythingBelowTellsSo) { EXPECT_HAS(raise_at(pod), "UNAVAILABLE, none: no mounted file system to bind"); }

}  // namespace
}  // namespace blockplug::testing
