// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/mount/target_path.h"

#include "tests/hotplug/devices.h"

namespace blockplug::testing {
namespace {
using mount::Shape;

struct Row {
  const char* name;
  std::string path;
  const char* why;  // empty: it is valid
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class Path : public ::testing::TestWithParam<Row> {};

TEST_P(Path, IsCheckedByItsTextAlone) {
  const auto status = mount::check_path(GetParam().path);
  const std::string why = GetParam().why;
  ASSERT_EQ(status.ok(), why.empty());
  if (status.ok()) return;
  EXPECT_EQ(status.error().code, Code::InvalidArgument);
  EXPECT_EQ(status.error().effect, Effect::None);
  EXPECT_NE(status.error().message.find(why), std::string::npos) << status.error().message;
}

const Row kRows[] = {{"Ordinary", "/srv/data", ""},
                     {"WithDotsInNames", "/srv/..data/a..b/.c", ""},
                     {"InADirectoryThatBeginsLikeTheKernels", "/device/proc/x", ""},
                     {"Empty", "", "is not absolute"},
                     {"Relative", "srv/data", "is not absolute"},
                     {"Up", "/srv/../etc", "contains '/../'"},
                     {"UpAtTheEnd", "/srv/..", "contains '/../'"},
                     {"Here", "/srv/./data", "contains '/./'"},
                     {"TwoSlashes", "/srv//data", "contains '//'"},
                     {"SlashAtTheEnd", "/srv/data/", "ends with a slash"},
                     {"Root", "/", "is this host's root directory"},
                     {"Newline", "/srv/a\nb", "contains a control character"},
                     {"Nul", std::string("/srv/a\0b", 8), "contains a control character"},
                     {"TooLong", "/" + std::string(4000, 'a'), "is longer than 4,000 bytes"},
                     {"Proc", "/proc/1/root", "is in /proc"},
                     {"Sys", "/sys", "is in /sys"},
                     {"Dev", "/dev/shm/x", "is in /dev"}};
INSTANTIATE_TEST_SUITE_P(Is, Path, ::testing::ValuesIn(kRows), [](const auto& row) { return row.param.name; });

TEST(TargetPath, IsResolvedExceptForItsLastPart) {
  const Scratch scratch;
  files::create_directories(scratch.at("real/below"));
  files::create_symlink(scratch.at("real"), scratch.at("link"));
  EXPECT_EQ(*mount::resolve(scratch.at("link/below/new/and/newer")), scratch.at("real/below/new/and/newer"));
  EXPECT_EQ(*mount::resolve(scratch.at("link")), scratch.at("link"));
  EXPECT_EQ(*mount::resolve("/bp-none"), "/bp-none");
}

TEST(TargetPath, DoesNotFollowLinksIntoTheKernelsDirectoriesOrIntoNothing) {
  const Scratch scratch;
  files::create_symlink("/dev", scratch.at("devices"));
  EXPECT_EQ(mount::resolve(scratch.at("devices/x")).error().code, Code::InvalidArgument);
  files::create_symlink(scratch.at("nowhere"), scratch.at("dangling"));
  const auto dangling = mount::resolve(scratch.at("dangling/x"));
  ASSERT_FALSE(dangling.ok());
  EXPECT_EQ(dangling.error().code, Code::FailedPrecondition);
}

TEST(TargetPath, MayBeMissingOrEmptyAndNothingElse) {
  const Scratch scratch;
  files::create_directory(scratch.at("empty"));
  files::create_directory(scratch.at("full"));
  make_file(scratch.at("full/file"), 1);
  make_file(scratch.at("nothing"), 0);
  files::create_symlink(scratch.at("empty"), scratch.at("link"));
  EXPECT_TRUE(mount::check_target(scratch.at("missing/below"), Shape::Directory).ok());
  EXPECT_TRUE(mount::check_target(scratch.at("empty"), Shape::Directory).ok());
  EXPECT_TRUE(mount::check_target(scratch.at("missing"), Shape::BlockDevice).ok());
  EXPECT_TRUE(mount::check_target(scratch.at("nothing"), Shape::BlockDevice).ok());
  const auto refused = [&](const char* name, Shape shape) { return mount::check_target(scratch.at(name), shape).error(); };
  EXPECT_EQ(refused("missing/below", Shape::BlockDevice).code, Code::NotFound);
  for (const auto& [name, shape, part] : {std::tuple{"full", Shape::Directory, "is not empty"},
                                          {"full/file", Shape::Directory, "is a file"},
                                          {"link", Shape::Directory, "is a symbolic link"},
                                          {"empty", Shape::BlockDevice, "is a directory"},
                                          {"full/file", Shape::BlockDevice, "is not empty"},
                                          {"link", Shape::BlockDevice, "is a symbolic link"}}) {
    EXPECT_EQ(refused(name, shape).code, Code::FailedPrecondition);
    EXPECT_NE(refused(name, shape).message.find(part), std::string::npos) << refused(name, shape).message;
  }
  EXPECT_NE(mount::check_target("/proc", Shape::Directory).error().message.find("mounted on it"), std::string::npos);
}

TEST(TargetPath, IsMadeAndTakenAwayJustWhereItWasMissing) {
  const Scratch scratch;
  files::create_directory(scratch.at("there"));
  const auto path = scratch.at("there/a/b/c");
  ASSERT_TRUE(mount::make_target(path, Shape::Directory).ok());
  for (const char* made : {"there/a", "there/a/b", "there/a/b/c"}) EXPECT_TRUE(mount::is_made_by_us(scratch.at(made)));
  EXPECT_FALSE(mount::is_made_by_us(scratch.at("there")));
  EXPECT_EQ(files::status(path).permissions(), files::perms::none);
  EXPECT_EQ(files::status(scratch.at("there/a")).permissions(), files::perms(0755));
  const auto neighbour = scratch.at("there/a/b/d");
  ASSERT_TRUE(mount::make_target(neighbour, Shape::Directory).ok());
  mount::remove_target(path);
  EXPECT_FALSE(files::exists(path));
  EXPECT_TRUE(files::exists(neighbour)) << "another mount's";
  make_file(scratch.at("there/a/file"), 0);
  mount::remove_target(neighbour);
  EXPECT_FALSE(files::exists(scratch.at("there/a/b"))) << "whoever goes last takes what the first one made";
  EXPECT_TRUE(files::exists(scratch.at("there/a/file"))) << "not ours";
  files::remove(scratch.at("there/a/file"));
  mount::remove_target(path);
  EXPECT_FALSE(files::exists(scratch.at("there/a")));
  EXPECT_TRUE(files::exists(scratch.at("there"))) << "not ours";
  files::create_directory(path.substr(0, path.size() - 4));
  mount::remove_target(scratch.at("there/a"));
  EXPECT_TRUE(files::exists(scratch.at("there/a"))) << "made again by somebody else";
}

TEST(TargetPath, LeavesNothingHalfMade) {
  const Scratch scratch;
  const auto path = scratch.at("a/b/" + std::string(300, 'x'));  // longer than a name may be
  EXPECT_FALSE(mount::make_target(path, Shape::Directory).ok());
  EXPECT_FALSE(files::exists(scratch.at("a")));
}

}  // namespace
}  // namespace blockplug::testing
