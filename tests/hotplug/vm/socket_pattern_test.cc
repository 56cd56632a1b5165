// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/socket_pattern.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "tests/hotplug/vm/vm_worlds.h"

namespace blockplug {
namespace {
using testing::TemporaryDirectory;

void make_socket(const std::string& path) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0) << path;
  ::close(fd);
}

TEST(SocketPattern, FindsTheAgentOnlyInADirectoryOfTheVm) {
  EXPECT_EQ(SocketPattern::parse("/run/vms/{vm}/qmp.sock")->agent_path_of("web-0"), "/run/vms/web-0/qga.sock");
  EXPECT_EQ(SocketPattern::parse("/run/vm.{vm}.d/a/qmp")->agent_path_of("web-0"), "/run/vm.web-0.d/a/qga.sock");
  EXPECT_EQ(SocketPattern::parse("/run/qmp-{vm}.sock")->agent_path_of("web-0"), "");
}

TEST(SocketPattern, FindsSocketsWhereverTheIdStands) {
  struct Row {
    const char* name;
    const char* pattern;
    const char* socket;
    const char* vm;
    std::vector<std::string> watched;
  };
  const std::vector<Row> rows{
      {"a directory", "/vms/{vm}/qmp.sock", "/vms/web-0/qmp.sock", "web-0", {"/vms", "/vms/web-0"}},
      {"in a file name", "/vms/qmp-{vm}.sock", "/vms/qmp-web-0.sock", "web-0", {"/vms"}},
      {"in a directory name", "/vms/vm.{vm}.d/qmp", "/vms/vm.web-0.d/qmp", "web-0", {"/vms", "/vms/vm.web-0.d"}},
      {"directories below", "/{vm}/a/b/qmp", "/web_0.x/a/b/qmp", "web_0.x", {"", "/web_0.x", "/web_0.x/a", "/web_0.x/a/b"}},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const TemporaryDirectory directory;
    make_socket(directory.path() + row.socket);
    const auto pattern = SocketPattern::parse(directory.path() + row.pattern);
    ASSERT_TRUE(pattern.ok());
    std::vector<std::string> watched, ignored;
    const auto found = pattern->scan([&](const std::string& path) { watched.push_back(path); }, ignored);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found.begin()->first, row.vm);
    EXPECT_EQ(found.begin()->second.path, directory.path() + row.socket);
    EXPECT_EQ(pattern->path_of(row.vm), directory.path() + row.socket);
    EXPECT_EQ(watched.front(), "/");
    std::vector<std::string> expected;
    for (const auto& path : row.watched) expected.push_back(directory.path() + path);
    EXPECT_TRUE(std::includes(watched.begin(), watched.end(), expected.begin(), expected.end()) ||
                std::equal(expected.rbegin(), expected.rend(), watched.rbegin()));
  }
}

TEST(SocketPattern, WatchesTheNearestDirectoryThatIsThere) {
  const TemporaryDirectory directory;
  const auto pattern = SocketPattern::parse(directory / "not/there/{vm}/qmp.sock");
  std::vector<std::string> watched, ignored;
  EXPECT_TRUE(pattern->scan([&](const std::string& path) { watched.push_back(path); }, ignored).empty());
  EXPECT_EQ(watched.back(), directory.path());
}

TEST(SocketPattern, TakesOnlySocketsForSockets) {
  const TemporaryDirectory directory;
  std::filesystem::create_directories(directory / "file");
  std::ofstream(directory / "file/qmp.sock").close();
  std::filesystem::create_directories(directory / "directory/qmp.sock");
  const auto pattern = SocketPattern::parse(directory / "{vm}/qmp.sock");
  std::vector<std::string> ignored;
  EXPECT_TRUE(pattern->scan([](const std::string&) {}, ignored).empty());
}

TEST(SocketPattern, KnowsWhatAVmMayBeCalled) {
  for (const char* good : {"a", "web-0", "A.b_c-9", "...", "0123456789012345678901234567890123456789012345678901234567890123"})
    EXPECT_TRUE(is_vm_id(good)) << good;
  for (const char* bad :
       {"", ".", "..", "a b", "a/b", "ü", "a\n", "01234567890123456789012345678901234567890123456789012345678901234"})
    EXPECT_FALSE(is_vm_id(bad)) << bad;
}

}  // namespace
}  // namespace blockplug
