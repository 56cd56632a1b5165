// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/sqlite_store.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "tests/attach-detach/file_store.h"
#include "tests/attach-detach/rungs.h"

namespace blockplug::test {
namespace {

const AttachmentKey kKey{VolumeId("local/v"), TargetId("vm:a")};
const WallClock::time_point kThen{std::chrono::milliseconds(1'700'000'000'123)};

std::unique_ptr<SqliteStore> must_open(const std::string& directory) {
  auto opened = SqliteStore::open(directory, {false});
  if (!opened.ok()) {
    ADD_FAILURE() << opened.error().message;
    return nullptr;
  }
  return std::move(opened).value();
}

PutAttachment desired_of(const AttachmentKey& key) {
  PutAttachment put;
  put.key = key;
  put.desired.attached = true;
  put.desired.up_to = rungs::kStage;
  put.desired.spec = {1LL << 40,    Access::ReadOnly, "xfs", {{"bytes_per_second", 1 << 20}, {"iops", 100}}, {"noatime", "nouuid"},
                      "/stage here"};
  put.desired.by_force = true;
  put.desired.may_share = true;
  put.desired.origin = Origin::KubeletNode;
  put.desired.boot_id = "boot-1";
  put.desired.leaves[{rungs::kPublish, "/p"}] = {{Access::ReadOnly, {"noatime", "nodev"}}, true};
  put.desired.leaves[{rungs::kGuestMount, "/a path"}] = {{Access::ReadWrite, {}, "ext4"}, false};
  put.desired_number = 42;
  put.ever_complete = true;
  put.raised_as = Access::ReadWrite;
  put.first_desired = kThen;
  return put;
}

const Volume& only(const Saved& saved) {
  EXPECT_EQ(saved.volumes.size(), 1U);
  return saved.volumes.at(0);
}

class SqliteStoreTest : public testing::Test {
 protected:
  void put(const Changes& changes) {
    const auto applied = store->apply(changes);
    ASSERT_TRUE(applied.ok()) << applied.error().message;
  }
  Saved reopened() {
    store.reset();
    store = must_open(directory.path());
    auto saved = store->load();
    EXPECT_TRUE(saved.ok());
    return std::move(saved).value();
  }
  TempDirectory directory;
  std::unique_ptr<SqliteStore> store = must_open(directory.path());
};

TEST_F(SqliteStoreTest, IsEmptyAtFirst) {
  const auto saved = store->load();
  ASSERT_TRUE(saved.ok());
  EXPECT_TRUE(saved->volumes.empty());
  EXPECT_EQ(saved->last_order, 0);
  EXPECT_FALSE(store->is_low_on_space());
}

TEST_F(SqliteStoreTest, KeepsADesiredStateWhole) {
  const auto desired = desired_of(kKey);
  put({PutVolume{kKey.volume, ImageId("image:1")}, desired});
  const auto saved = reopened();
  const auto& volume = only(saved);
  EXPECT_EQ(volume.id, kKey.volume);
  EXPECT_EQ(volume.image, ImageId("image:1"));
  const auto& attachment = volume.attachments.at(kKey.target);
  EXPECT_EQ(attachment.key, kKey);
  EXPECT_TRUE(attachment.desired == desired.desired);
  EXPECT_EQ(attachment.desired_number, 42);
  EXPECT_TRUE(attachment.ever_complete);
  EXPECT_EQ(attachment.raised_as, Access::ReadWrite);
  EXPECT_EQ(attachment.first_desired, kThen);
}

TEST_F(SqliteStoreTest, KeepsALaterDesiredStateInsteadOfTheEarlier) {
  put({desired_of(kKey)});
  PutAttachment later;
  later.key = kKey;
  put({later});
  const auto saved = reopened();
  const auto& attachment = only(saved).attachments.at(kKey.target);
  EXPECT_TRUE(attachment.desired == Desired{});
  EXPECT_FALSE(attachment.raised_as);
}

TEST_F(SqliteStoreTest, KeepsAnyBytes) {
  AttachmentKey key{VolumeId("local/'; DROP TABLE rung; --"), TargetId("vm:\xff\xfe")};
  PutAttachment desired;
  desired.key = key;
  const std::string value("a\0b\n'\"\x80", 7);
  put({desired, PutRung{key, {rungs::kOpen, {}}, StoredState::Up, {{"it's", value}, {"", ""}}, kThen}});
  const auto saved = reopened();
  EXPECT_EQ(only(saved).attachments.at(key.target).rung({rungs::kOpen, {}}).facts, (Facts{{"it's", value}, {"", ""}}));
}

struct StateRow {
  StoredState stored;
  RungState state;
};

TEST_F(SqliteStoreTest, ReadsEveryRungAsDue) {
  for (const auto& [stored, state] :
       {StateRow{StoredState::Up, RungState::Up}, StateRow{StoredState::Raising, RungState::Raising},
        StateRow{StoredState::Lowering, RungState::Lowering}, StateRow{StoredState::Doubtful, RungState::Raising}}) {
    put({desired_of(kKey), PutRung{kKey, {rungs::kHold, {}}, stored, {{"a", "1"}}, kThen},
         PutRung{kKey, {rungs::kPublish, "/p"}, stored, {}, kThen}});
    const auto saved = reopened();
    const auto& attachment = only(saved).attachments.at(kKey.target);
    EXPECT_EQ(attachment.rungs.size(), 2U);
    for (const auto& [id, record] : attachment.rungs) {
      EXPECT_EQ(record.state, state);
      EXPECT_EQ(record.belief, Belief::Unverified);
      EXPECT_EQ(record.since, kThen);
    }
    EXPECT_EQ(attachment.rung({rungs::kHold, {}}).facts, (Facts{{"a", "1"}}));
  }
}

TEST_F(SqliteStoreTest, ForgetsWhatItIsToldTo) {
  const RungId hold{rungs::kHold, {}}, leaf{rungs::kPublish, "/p"}, other_leaf{rungs::kPublish, "/q"};
  const AttachmentKey other{kKey.volume, TargetId("host")};
  put({PutVolume{kKey.volume, ImageId("i")}, desired_of(kKey), desired_of(other)});
  for (const auto& key : {kKey, other})
    for (const auto& id : {hold, leaf, other_leaf}) put({PutRung{key, id, StoredState::Up, {{"a", "1"}}, kThen}});
  put({ForgetRung{kKey, leaf}});
  {
    const auto saved = reopened();
    EXPECT_FALSE(only(saved).attachments.at(kKey.target).rungs.contains(leaf));
    EXPECT_TRUE(only(saved).attachments.at(kKey.target).rungs.contains(other_leaf));
    EXPECT_TRUE(only(saved).attachments.at(other.target).rungs.contains(leaf));
  }
  put({ForgetAttachment{kKey}});
  {
    const auto saved = reopened();
    EXPECT_FALSE(only(saved).attachments.contains(kKey.target));
    EXPECT_EQ(only(saved).attachments.at(other.target).rungs.size(), 3U);
  }
  put({ForgetVolume{kKey.volume}});
  EXPECT_TRUE(reopened().volumes.empty());
  put({PutAttachment{kKey, {}, {}, {}, {}, {}}});  // nothing of an earlier one comes back
  const auto saved = reopened();
  EXPECT_TRUE(only(saved).attachments.at(kKey.target).rungs.empty());
  EXPECT_TRUE(only(saved).attachments.at(kKey.target).desired.leaves.empty());
}

TEST_F(SqliteStoreTest, PutsARungsFactsAnew) {
  put({desired_of(kKey), PutRung{kKey, {rungs::kOpen, {}}, StoredState::Raising, {{"a", "1"}, {"b", "2"}}, kThen}});
  put({PutRung{kKey, {rungs::kOpen, {}}, StoredState::Up, {{"b", "3"}}, kThen}});
  const auto saved = reopened();
  EXPECT_EQ(only(saved).attachments.at(kKey.target).rung({rungs::kOpen, {}}).facts, (Facts{{"b", "3"}}));
}

TEST_F(SqliteStoreTest, KeepsOrdersInTheirOrderAndNumbersForEver) {
  const Order first{7, VolumeId("local/v"), OrderKind::Resize, {{"size_bytes", "4096"}}};
  const Order second{12, VolumeId("local/v"), OrderKind::Delete, {}};
  put({PutOrder{second, {}}, PutOrder{first, {{"kept", "1"}, {"size_bytes", "not the argument"}, {kBegunFact, "true"}}}});
  {
    const auto saved = reopened();
    const auto& orders = only(saved).orders;
    ASSERT_EQ(orders.size(), 2U);
    EXPECT_EQ(orders[0].order, first);
    EXPECT_EQ(orders[0].kept, (Facts{{"kept", "1"}, {"size_bytes", "not the argument"}, {kBegunFact, "true"}}));
    EXPECT_TRUE(orders[0].is_intent_stored);
    EXPECT_EQ(orders[1].order, second);
    EXPECT_FALSE(orders[1].is_intent_stored) << "it was never begun";
    EXPECT_EQ(saved.last_order, 12);
  }
  put({ForgetOrder{12}, ForgetOrder{7}});
  const auto saved = reopened();
  EXPECT_TRUE(saved.volumes.empty());
  EXPECT_EQ(saved.last_order, 12);
}

TEST_F(SqliteStoreTest, HasFilesThatOnlyItsOwnerReads) {
  put({desired_of(kKey)});
  for (const auto* name : {"store.db", "lock", "reserve"}) {
    struct stat found {};
    ASSERT_EQ(::stat((directory.path() + "/" + name).c_str(), &found), 0) << name;
    EXPECT_EQ(found.st_mode & 0777U, 0600U) << name;
  }
}

TEST_F(SqliteStoreTest, IsMadeWithItsDirectory) {
  const auto path = directory.path() + "/new";
  EXPECT_NE(must_open(path), nullptr);
  struct stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0700U);
}

// --- what is refused, and what it says ---

Error refusal(const std::string& directory) {
  auto opened = SqliteStore::open(directory, {false});
  if (opened.ok()) {
    auto loaded = (*opened)->load();  // where a damage hides until it is read
    if (!loaded.ok()) return loaded.error();
    ADD_FAILURE() << "was opened";
    return {};
  }
  return opened.error();
}

TEST_F(SqliteStoreTest, RefusesASecondDaemonInThisProcess) {
  const auto error = refusal(directory.path());
  EXPECT_EQ(error.code, Code::FailedPrecondition);
  EXPECT_EQ(error.message,
            "store in " + directory.path() + ": in use by another daemon. Stop that one, or give this one a state_dir of its own");
  store.reset();
  EXPECT_NE(must_open(directory.path()), nullptr);
}

TEST_F(SqliteStoreTest, RefusesASecondDaemonInAnotherProcess) {
  const auto child = ::fork();
  if (child == 0) {
    const auto opened = SqliteStore::open(directory.path(), {false});
    ::_exit(!opened.ok() && opened.error().code == Code::FailedPrecondition ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(SqliteStoreTest, IsFreeAgainWhenItsProcessIsGone) {
  store.reset();
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const auto child = ::fork();
  if (child == 0) {
    const auto opened = SqliteStore::open(directory.path(), {false});
    (void)!::write(pipe[1], opened.ok() ? "y" : "n", 1);
    ::pause();
  }
  char answer = 0;
  ASSERT_EQ(::read(pipe[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  EXPECT_EQ(refusal(directory.path()).code, Code::FailedPrecondition);
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ::close(pipe[0]);
  ::close(pipe[1]);
  EXPECT_NE(must_open(directory.path()), nullptr);
}

TEST_F(SqliteStoreTest, RefusesANewerSchemaAndLeavesItAlone) {
  store.reset();
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open((directory.path() + "/store.db").c_str(), &handle), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(handle, "PRAGMA user_version=99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(handle);
  const auto error = refusal(directory.path());
  EXPECT_EQ(error.code, Code::FailedPrecondition);
  EXPECT_NE(error.message.find("written by a newer Blockplug (schema 99, this one knows 3). Start the newer program"),
            std::string::npos)
      << error.message;
}

TEST_F(SqliteStoreTest, TakesOverWhatSchema1Kept) {
  ASSERT_TRUE(store->apply({PutVolume{kKey.volume, ImageId("i")}, desired_of(kKey)}).ok());
  store.reset();
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open((directory.path() + "/store.db").c_str(), &handle), SQLITE_OK);
  ASSERT_EQ(
      sqlite3_exec(handle,
                   "ALTER TABLE attachment DROP COLUMN flags; ALTER TABLE attachment DROP COLUMN staging_path;"
                   "ALTER TABLE attachment DROP COLUMN by_force; ALTER TABLE leaf DROP COLUMN filesystem; PRAGMA user_version=1",
                   nullptr, nullptr, nullptr),
      SQLITE_OK);
  sqlite3_close(handle);
  const auto opened = must_open(directory.path());
  ASSERT_NE(opened, nullptr);
  auto expected = desired_of(kKey).desired;
  expected.spec.flags.clear(), expected.spec.staging_path.clear(), expected.by_force = false;
  expected.leaves.at({rungs::kGuestMount, "/a path"}).spec.filesystem.clear();
  EXPECT_EQ(opened->load()->volumes.at(0).attachments.at(kKey.target).desired, expected);
}

struct StoredOrigin {
  const char* text;
  Origin origin;
};

TEST_F(SqliteStoreTest, ReadsWhoAskedAlsoAsAnOlderVersionWroteIt) {
  const StoredOrigin table[] = {{"csi", Origin::KubeletNode},
                                {"kubelet-node", Origin::KubeletNode},
                                {"controller", Origin::Controller},
                                {"person", Origin::Person}};
  for (const auto& row : table) {
    auto desired = desired_of(kKey);
    desired.desired.origin = row.origin;
    put({desired});
    EXPECT_EQ(only(reopened()).attachments.at(kKey.target).desired.origin, row.origin) << row.text;
    store.reset();
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open((directory.path() + "/store.db").c_str(), &handle), SQLITE_OK);
    const auto change = std::string("UPDATE attachment SET origin='") + row.text + "'";
    ASSERT_EQ(sqlite3_exec(handle, change.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(handle);
    EXPECT_EQ(only(reopened()).attachments.at(kKey.target).desired.origin, row.origin) << row.text;
  }
}

class DamagedStore : public SqliteStoreTest {
 protected:
  DamagedStore() {
    for (int index = 0; index < 200; ++index) {
      const AttachmentKey key{VolumeId("local/v" + std::to_string(index)), TargetId("vm:a")};
      put({desired_of(key), PutRung{key, {rungs::kHold, {}}, StoredState::Up, {{"a", std::string(300, 'x')}}, kThen}});
    }
    store.reset();  // the last connection to close writes the WAL back
  }
  std::string read() const {
    std::ifstream file(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const std::string& bytes) const { std::ofstream(path(), std::ios::binary) << bytes; }
  std::string path() const { return directory.path() + "/store.db"; }
  void expect_refused(const std::string& how) const {
    const auto error = refusal(directory.path());
    EXPECT_EQ(error.code, Code::FailedPrecondition) << how << ": " << error.message;
    EXPECT_NE(error.message.find("Move " + path() + "* away to start with an empty store"), std::string::npos)
        << how << ": " << error.message;
  }
};

TEST_F(DamagedStore, OfRandomBytesIsRefused) {
  std::string bytes;
  unsigned state = 7;
  for (int at = 0; at < 20'000; ++at) bytes += static_cast<char>((state = state * 1664525U + 1013904223U) >> 24U);
  write(bytes);
  expect_refused("random");
}

TEST_F(DamagedStore, ThatIsTextIsRefused) {
  write("this is no database\n");
  expect_refused("text");
}

TEST_F(DamagedStore, ThatIsTruncatedIsRefused) {
  const auto whole = read();
  ASSERT_GT(whole.size(), 100'000U);
  for (const auto length : {std::size_t{0}, std::size_t{1}, std::size_t{99}, std::size_t{4096}, std::size_t{10'000},
                            whole.size() / 2, whole.size() - 4096}) {
    write(whole.substr(0, length));
    expect_refused("the first " + std::to_string(length) + " bytes");
  }
}

TEST_F(DamagedStore, ThatWasMovedAwayMakesRoomForANewOne) {
  write("");
  expect_refused("nothing left");
  std::filesystem::remove(path());
  EXPECT_NE(must_open(directory.path()), nullptr);
}

TEST_F(DamagedStore, ThatWasOverwrittenAnywhereIsRefusedOrRead) {
  const auto whole = read();
  unsigned state = 3;
  for (int round = 0; round < 60; ++round) {
    auto bytes = whole;
    state = state * 1664525U + 1013904223U;
    const auto at = state % (bytes.size() - 512);
    for (std::size_t offset = 0; offset < 512; ++offset)
      bytes[at + offset] = static_cast<char>((state = state * 1664525U + 1013904223U) >> 24U);
    write(bytes);
    std::filesystem::remove(path() + "-wal");
    std::filesystem::remove(path() + "-shm");
    auto opened = SqliteStore::open(directory.path(), {false});
    if (opened.ok()) (void)(*opened)->load();  // no crash, no sanitizer report
  }
}

TEST_F(DamagedStore, ThatIsADirectoryIsRefused) {
  std::filesystem::remove(path());
  std::filesystem::create_directory(path());
  expect_refused("a directory");
}

TEST_F(DamagedStore, WithoutATableIsRefused) {
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &handle), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(handle, "DROP TABLE rung", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(handle);
  const auto error = refusal(directory.path());
  EXPECT_EQ(error.code, Code::FailedPrecondition);
}

TEST(SqliteStore, SaysThatItsDirectoryCannotBeMade) {
  const TempDirectory directory;
  std::ofstream(directory.path() + "/file") << "x";
  const auto error = refusal(directory.path() + "/file/state");
  EXPECT_EQ(error.code, Code::PermissionDenied);
  EXPECT_EQ(error.message, "store in " + directory.path() + "/file/state: cannot make the directory (state_dir): Not a directory");
}

TEST(SqliteStore, SaysThatItsDirectoryIsAFile) {
  const TempDirectory directory;
  std::ofstream(directory.path() + "/file") << "x";
  const auto error = refusal(directory.path() + "/file");
  EXPECT_EQ(error.code, Code::PermissionDenied);
  EXPECT_EQ(error.message, "store in " + directory.path() + "/file: cannot write there (state_dir): Not a directory");
}

TEST(SqliteStore, SaysThatItMayNotWriteThere) {
  const TempDirectory directory;
  ASSERT_EQ(::chmod(directory.path().c_str(), 0555), 0);
  const auto child = ::fork();  // root may write anywhere, so one without root's capabilities tries
  if (child == 0) {
    ::__user_cap_header_struct self{_LINUX_CAPABILITY_VERSION_3, 0};
    const ::__user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3]{};
    if (::syscall(SYS_capset, &self, none) != 0) ::_exit(2);
    const auto opened = SqliteStore::open(directory.path(), {false});
    const bool is_right = !opened.ok() && opened.error().code == Code::PermissionDenied &&
                          opened.error().message.find("cannot write there (state_dir): Permission denied") != std::string::npos;
    ::_exit(is_right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace blockplug::test
