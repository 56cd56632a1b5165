// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/local/directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/volume-plugin/local/local_world.h"

namespace blockplug::local::testing {
namespace {
namespace fs = std::filesystem;

TEST(VolumeDirectory, IsMadeForUsAlone) {
  const TemporaryDirectory temporary;
  const auto path = temporary.path() / "deep/er/volumes";
  const auto directory = VolumeDirectory::open(path.native() + "/");
  ASSERT_TRUE(directory.ok()) << directory.error().message;
  EXPECT_EQ((*directory)->path(), path.native());
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all);
}

TEST(VolumeDirectory, RefusesWhatIsNotARealDirectoryOfOurs) {
  const TemporaryDirectory temporary;
  const auto at = [&](const char* name) { return temporary.path() / name; };
  fs::create_directory(at("real"));
  fs::create_directory_symlink(at("real"), at("link"));
  std::ofstream{at("file")} << "x";
  fs::create_directory(at("others"));
  ASSERT_EQ(::chown(at("others").c_str(), 1, 1), 0) << "these tests run as root";
  fs::create_directory(at("open"));
  fs::permissions(at("open"), fs::perms::all);
  const struct {
    const char* name;
    fs::path path;
    Code code;
    const char* text;
  } table[] = {{"relative", "volumes", Code::InvalidArgument, "not an absolute path"},
               {"empty", "", Code::InvalidArgument, "not an absolute path"},
               {"NUL", std::string{"/tmp/a\0b", 8}, Code::InvalidArgument, "NUL"},
               {"root", "/tmp/..", Code::InvalidArgument, "root directory"},
               {"a link", at("link"), Code::FailedPrecondition, "is a symbolic link"},
               {"a link with a slash", at("link").native() + "/", Code::FailedPrecondition, "is a symbolic link"},
               {"a file", at("file"), Code::FailedPrecondition, "is a regular file"},
               {"below a file", at("file") / "x", Code::FailedPrecondition, "Not a directory"},
               {"of somebody else", at("others"), Code::FailedPrecondition, "belongs to user 1"},
               {"writable for all", at("open"), Code::FailedPrecondition, "writable for group or others"}};
  for (const auto& row : table) {
    const auto directory = VolumeDirectory::open(row.path);
    ASSERT_FALSE(directory.ok()) << row.name;
    EXPECT_EQ(directory.error().code, row.code) << row.name << ": " << directory.error().message;
    EXPECT_NE(directory.error().message.find(row.text), std::string::npos) << row.name << ": " << directory.error().message;
  }
}
}  // namespace
}  // namespace blockplug::local::testing
