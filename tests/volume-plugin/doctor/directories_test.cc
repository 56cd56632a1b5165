// SPDX-License-Identifier: Apache-2.0
// The directories: free space, persistence and attributes, on file systems that lack them.
#include <sys/mount.h>

#include <cstring>

#include "tests/volume-plugin/doctor/tree.h"
#include "volume-plugin/doctor/doctor.h"

namespace blockplug::doctor::testing {
namespace {

// A tmpfs mounted at a directory during this object's life.
class Mounted {
 public:
  Mounted(std::string path, const char* filesystem, const char* options = "", unsigned long flags = 0) : path_(std::move(path)) {
    std::filesystem::create_directories(path_);
    EXPECT_EQ(::mount("none", path_.c_str(), filesystem, flags, options), 0) << path_ << ": " << std::strerror(errno);
  }
  ~Mounted() { ::umount2(path_.c_str(), MNT_DETACH); }
  Mounted(const Mounted&) = delete;
  Mounted& operator=(const Mounted&) = delete;

 private:
  std::string path_;
};

struct Row {
  const char* options;
  unsigned long flags;
  State state;
  const char *found, *remedy;
};

TEST(StateDirectory, NeedsADiskAndRoom) {
  const Row table[] = {
      {"size=8m", 0, State::Missing, "8 MiB free; it is on a tmpfs", "set state_dir to a directory on a disk"},
      {"size=40m", 0, State::Limited, "40 MiB free; it is on a tmpfs", "set state_dir to a directory on a disk"},
      {"size=200m", 0, State::Limited, "a reboot loses the state", "set state_dir to a directory on a disk"},
      {"size=200m", MS_RDONLY, State::Missing, "mounted read-only", "set state_dir to a directory on a disk"},
  };
  for (const auto& row : table) {
    const Tree tree;
    const Mounted mounted(tree.at("state"), "tmpfs", row.options, row.flags);
    const auto check = check_state_dir(tree.subject());
    EXPECT_STREQ(to_text(check.state), to_text(row.state)) << row.options;
    EXPECT_NE(check.found.find(row.found), std::string::npos) << check.found;
    EXPECT_NE(check.remedy.find(row.remedy), std::string::npos) << check.remedy;
  }
}

TEST(StateDirectory, MayBeMadeLater) {
  const Tree tree;
  auto subject = tree.subject();
  subject.state_dir = tree.at("state/not/yet");
  EXPECT_EQ(check_state_dir(subject).state, State::Ok) << check_state_dir(subject).found;
  tree.put("state/not");
  EXPECT_EQ(check_state_dir(subject).state, State::Missing);
  EXPECT_EQ(check_state_dir(subject).found, tree.at("state/not") + " is not a directory");
}

TEST(RunDirectory, MustBeWritten) {
  const Tree tree;
  EXPECT_EQ(check_run_dir(tree.subject()).state, State::Ok);
  EXPECT_FALSE(std::filesystem::exists(tree.at("run/blockplug"))) << "only looked";
  const Mounted mounted(tree.at("run/blockplug"), "tmpfs", "", MS_RDONLY);
  EXPECT_EQ(check_run_dir(tree.subject()).state, State::Missing);
  EXPECT_NE(check_run_dir(tree.subject()).remedy.find("set run_dir"), std::string::npos);
}

TEST(Attributes, AreTriedWhereTheVolumesAreOrWillBe) {
  const Tree tree;
  EXPECT_EQ(check_attributes("local", tree.at("state/volumes")).state, State::Ok);
  EXPECT_TRUE(std::filesystem::is_empty(tree.at("state"))) << "nothing is left behind";
}

TEST(Attributes, ThatAFileSystemHasNotAreMissing) {
  const Tree tree;
  const Mounted mounted(tree.at("state/volumes"), "ramfs");
  const auto check = check_attributes("fast", tree.at("state/volumes"));
  EXPECT_EQ(check.state, State::Missing);
  EXPECT_NE(check.found.find("does not support extended attributes"), std::string::npos) << check.found;
  EXPECT_NE(check.remedy.find("set backends.fast.path"), std::string::npos) << check.remedy;
  EXPECT_EQ(check.needed_for, "formatting volumes of fast");
  EXPECT_TRUE(std::filesystem::is_empty(tree.at("state/volumes"))) << "nothing is left behind";
}

TEST(Attributes, CannotBeTriedWhereNothingCanBeWritten) {
  const Tree tree;
  const Mounted mounted(tree.at("state/volumes"), "tmpfs", "", MS_RDONLY);
  const auto check = check_attributes("local", tree.at("state/volumes"));
  EXPECT_EQ(check.state, State::Missing);
  EXPECT_NE(check.found.find("Read-only file system"), std::string::npos) << check.found;
}

TEST(Trim, IsTriedWhereTheVolumesAreOrWillBe) {
  const Tree tree;
  const auto check = check_trim("local", tree.at("state/volumes"));
  EXPECT_EQ(check.state, State::Ok) << check.found;
  EXPECT_TRUE(std::filesystem::is_empty(tree.at("state"))) << "nothing is left behind";
}

TEST(Trim, FreesNothingWhereFilesCannotHaveHoles) {
  const Tree tree;
  const Mounted mounted(tree.at("state/volumes"), "ramfs");
  const auto check = check_trim("fast", tree.at("state/volumes"));
  EXPECT_EQ(check.state, State::Limited);
  EXPECT_NE(check.found.find("cannot punch holes into files: Operation not supported; what is deleted"), std::string::npos)
      << check.found;
  EXPECT_NE(check.remedy.find("set backends.fast.path"), std::string::npos) << check.remedy;
  EXPECT_TRUE(std::filesystem::is_empty(tree.at("state/volumes"))) << "nothing is left behind";
}

TEST(Examination, PutsEveryQuestionAndOnePerBackend) {
  const Tree tree;
  auto subject = tree.subject();
  subject.volumes["fast"] = tree.at("state");
  const auto checks = examine(subject);
  EXPECT_EQ(checks.size(), 21U);
  for (const auto& check : checks) EXPECT_EQ(check.state, State::Ok) << check.name << ": " << check.found;
}

TEST(Examination, TriesEachBackendsOwnDirectory) {
  const Tree tree;
  const Mounted mounted(tree.at("fast"), "ramfs");
  auto subject = tree.subject();
  subject.volumes["fast"] = tree.at("fast");
  const auto expected_of = [](const std::string& name) {
    if (name == "attributes, fast") return State::Missing;
    return name == "trim, fast" ? State::Limited : State::Ok;
  };
  for (const auto& check : examine(subject)) EXPECT_EQ(check.state, expected_of(check.name)) << check.name << ": " << check.found;
}

// The test machine: root, with the packages of tests/packages.
TEST(Examination, OfThisMachineFindsWhatTheTestsThemselvesNeed) {
  const Tree tree;
  Subject subject;
  subject.state_dir = tree.at("state");
  subject.volumes = {{"local", tree.at("state/volumes")}};
  subject.helper = tree.at("bin/blockplug-helper");
  for (const auto& check : examine(subject)) {
    EXPECT_NE(check.state, State::Missing) << check.name << ": " << check.found << "; " << check.remedy;
    EXPECT_EQ(check.remedy.empty(), check.state == State::Ok) << check.name << ": " << check.remedy;
    RecordProperty(check.name, std::string(to_text(check.state)) + ": " + check.found);
  }
}

TEST(BareCall, OfWhatNoKernelHasIsNoticed) { EXPECT_EQ(errno_of_bare_call(100'000), ENOSYS); }

TEST(BesideThisProgram, IsWhereTheHelperIs) {
  EXPECT_EQ(beside_this_program("x"), std::filesystem::read_symlink("/proc/self/exe").parent_path() / "x");
}

}  // namespace
}  // namespace blockplug::doctor::testing
