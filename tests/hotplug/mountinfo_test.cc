// SPDX-License-Identifier: Apache-2.0
#include "hotplug/mountinfo.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "hotplug/host/text_file.h"

namespace blockplug {
namespace {

struct Row {
  const char* name;
  std::string line;
  std::optional<MountEntry> entry;  // nullopt: it is left out
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

MountEntry entry(const std::string& path) {
  return {.path = path, .root = "/", .number = "98:0", .filesystem = "ext3", .source = "/dev/sda", .id = 36, .parent = 35};
}
template <typename Change>
MountEntry entry(const std::string& path, Change change) {
  auto made = entry(path);
  change(made);
  return made;
}

class MountinfoLine : public testing::TestWithParam<Row> {};

// Alone, and between others: one line tells nothing about the next.
TEST_P(MountinfoLine, IsReadAsTheKernelWroteIt) {
  const auto& row = GetParam();
  const std::string other = "1 1 8:1 / / rw - ext4 /dev/sdb rw\n";
  const MountEntry root{
      .path = "/", .root = "/", .number = "8:1", .filesystem = "ext4", .source = "/dev/sdb", .id = 1, .parent = 1};
  std::vector<MountEntry> alone, between{root};
  if (row.entry) alone.push_back(*row.entry), between.push_back(*row.entry);
  between.push_back(root);
  EXPECT_TRUE(parse_mountinfo(row.line) == alone);
  EXPECT_TRUE(parse_mountinfo(row.line + "\n") == alone);
  EXPECT_TRUE(parse_mountinfo(other + row.line + "\n" + other) == between);
}

const Row kRows[] = {
    {"WithoutOptionalFields", "36 35 98:0 / /mnt rw,noatime - ext3 /dev/sda rw,errors=continue", entry("/mnt")},
    {"Shared", "36 35 98:0 / /mnt rw shared:7 - ext3 /dev/sda rw", entry("/mnt", [](auto& mount) { mount.peers = 7; })},
    {"SharedAndSlave", "36 35 98:0 / /mnt rw shared:7 master:12 propagate_from:3 - ext3 /dev/sda rw",
     entry("/mnt",
           [](auto& mount) {
             mount.peers = 7;
             mount.master = 12;
           })},
    {"ReadOnlyHere", "36 35 98:0 / /mnt ro,noatime - ext3 /dev/sda rw",
     entry("/mnt", [](auto& mount) { mount.is_bound_read_only = true; })},
    {"ReadOnlyFileSystem", "36 35 98:0 / /mnt rw - ext3 /dev/sda ro,errors=remount-ro",
     entry("/mnt", [](auto& mount) { mount.is_filesystem_read_only = true; })},
    {"OptionsThatOnlyBeginLikeReadOnly", "36 35 98:0 / /mnt rw,rootcontext=x - ext3 /dev/sda rw,errors=remount-ro", entry("/mnt")},
    {"Escapes", R"(36 35 98:0 /a\040b /m\011n\012t\134x\040 rw - ext3 /dev/s\040da rw)",
     entry("/m\tn\nt\\x ",
           [](auto& mount) {
             mount.root = "/a b";
             mount.source = "/dev/s da";
           })},
    {"NoEscapes", R"(36 35 98:0 / /m\04\x\ rw - ext3 /dev/sda rw)", entry(R"(/m\04\x\)")},
    {"BytesThatAreNoText", "36 35 98:0 / /m\xff\x01\xc3 rw - ext3 /dev/sda rw", entry("/m\xff\x01\xc3")},
    {"DeletedMountPoint", R"(36 35 98:0 / /mnt\040(deleted) rw - ext3 /dev/sda rw)", entry("/mnt (deleted)")},
    {"DeletedNode", "36 35 0:5 /loop3//deleted /mnt rw - devtmpfs udev rw",
     entry("/mnt",
           [](auto& mount) {
             mount.root = "/loop3//deleted";
             mount.number = "0:5";
             mount.filesystem = "devtmpfs";
             mount.source = "udev";
           })},
    {"RootDeviceThatThisHostIsNotAskedAbout", "36 35 98:0 / /mnt rw - ext3 /dev/root rw",
     entry("/mnt", [](auto& mount) { mount.source = "/dev/root"; })},
    {"RootDeviceAsAMountPoint", "36 35 98:0 / /dev/root rw - ext3 /dev/root rw",
     entry("/dev/root", [](auto& mount) { mount.source = "/dev/root"; })},
    {"EmptySource", "36 35 98:0 / /mnt rw - ext3  rw", entry("/mnt", [](auto& mount) { mount.source.clear(); })},
    {"Fuse", "36 35 0:48 / /mnt rw - fuse.sshfs me@there:/x rw",
     entry("/mnt",
           [](auto& mount) {
             mount.number = "0:48";
             mount.filesystem = "fuse.sshfs";
             mount.source = "me@there:/x";
           })},
    {"Garbage", "garbage", std::nullopt},
    {"Empty", "", std::nullopt},
    {"Comment", "#36 35 98:0 / /mnt rw - ext3 /dev/sda rw", std::nullopt},
    {"WithoutADash", "36 35 98:0 / /mnt rw ext3 /dev/sda rw", std::nullopt},
    {"CutShort", "36 35 98:0 / /mnt rw - ", std::nullopt},
    {"WithoutANumber", "36 35 98 / /mnt rw - ext3 /dev/sda rw", std::nullopt},
    {"AsInFstab", "/dev/sda /mnt ext3 rw 0 0", std::nullopt},
    {"AsInSwaps", "Filename\tType\tSize", std::nullopt},
    {"WithAnEscapedNul", "36 35 98:0 / \\000a rw - ext3 /dev/sda rw", std::nullopt},
    {"WithAnEscapedByteTooLarge", "36 35 98:0 / \\400a rw - ext3 /dev/sda rw", std::nullopt},
    {"WithANul", std::string("36 35 98:0 / /mn\0t rw - ext3 /dev/sda rw", 40), std::nullopt},
};
INSTANTIATE_TEST_SUITE_P(All, MountinfoLine, testing::ValuesIn(kRows), [](const auto& row) { return row.param.name; });

TEST(Mountinfo, KeepsTheOrderOfAnyNumberOfLines) {
  for (const int count : {0, 1, 999, 1000, 1001, 2500}) {
    std::string text;
    for (int line = 0; line < count; ++line) text += std::to_string(line) + " 1 8:1 / /mnt rw - ext4 /dev/sdb rw\n";
    const auto mounts = parse_mountinfo(text);
    ASSERT_EQ(mounts.size(), static_cast<std::size_t>(count));
    for (int line = 0; line < count; ++line) EXPECT_EQ(mounts[static_cast<std::size_t>(line)].id, line);
  }
}

TEST(Mountinfo, OfOneEndlessLineIsNothing) {
  EXPECT_TRUE(parse_mountinfo(std::string(8U << 20U, 'x')).empty());
  EXPECT_TRUE(parse_mountinfo(std::string(8U << 20U, '\n')).empty());
}

TEST(Mountinfo, SaysWhatHidesAMount) {
  const std::string start = "1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 8:2 / /srv/a rw - ext4 /dev/sdb rw\n";
  const auto hider = [&](const std::string& more) -> std::string {
    const auto mounts = parse_mountinfo(start + more);
    const auto ours = std::ranges::find(mounts, 2, &MountEntry::id);
    const auto* found = hider_of(mounts, *ours);
    return found == nullptr ? "nothing" : found->source;
  };
  EXPECT_EQ(hider(""), "nothing");
  EXPECT_EQ(hider("3 1 0:9 / /srv rw - tmpfs above rw\n"), "above");
  EXPECT_EQ(hider("3 1 0:9 / /srv/ab rw - tmpfs beside rw\n"), "nothing");
  EXPECT_EQ(hider("3 2 0:9 / /srv/a rw - tmpfs over rw\n"), "over");
  EXPECT_EQ(hider("3 2 0:9 / /srv/a/b rw - tmpfs inside rw\n"), "nothing");
  EXPECT_EQ(hider("3 1 0:9 / / rw - tmpfs over-the-root rw\n"), "over-the-root");
  const auto nested = parse_mountinfo(
      "1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:8 / /srv rw - tmpfs first rw\n3 2 0:9 / /srv rw - tmpfs second rw\n"
      "4 3 8:2 / /srv/a rw - ext4 /dev/sdb rw\n5 1 0:10 / /srv rw - tmpfs odd rw\n");
  EXPECT_EQ(hider_of({nested.begin(), nested.begin() + 4}, nested[3]), nullptr) << "it is in what is on top";
  EXPECT_EQ(hidden_text(nested[2]), "hidden by second (tmpfs) at /srv: unmount that");
}

TEST(Mountinfo, OfThisHostHasItsRoot) {
  const auto mounts = parse_mountinfo(text_of("/proc/self/mountinfo"));
  ASSERT_FALSE(mounts.empty());
  EXPECT_TRUE(std::ranges::any_of(mounts, [](const auto& mount) { return mount.path == "/proc" && mount.filesystem == "proc"; }));
}

}  // namespace
}  // namespace blockplug
