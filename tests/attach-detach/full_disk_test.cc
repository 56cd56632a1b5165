// SPDX-License-Identifier: Apache-2.0
// The store on a disk that is really full: a small tmpfs in a mount namespace of this test's own. Needs root, as tests/run does.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstring>

#include "tests/attach-detach/file_store.h"
#include "tests/attach-detach/rungs.h"

namespace blockplug::test {
namespace {

class FullDisk : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0) << std::strerror(errno) << ": run this as root";
    ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0) << std::strerror(errno);
    ASSERT_EQ(::mount("tmpfs", directory.path().c_str(), "tmpfs", 0, "size=16m"), 0) << std::strerror(errno);
    is_mounted_ = true;
  }
  ~FullDisk() override {
    store.reset();
    if (is_mounted_) ::umount2(directory.path().c_str(), MNT_DETACH);
  }

  void open() {
    auto opened = SqliteStore::open(directory.path());  // durable, as in production
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    store = std::move(opened).value();
  }
  void fill() const {
    const int fd = ::open(filler().c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    ASSERT_GE(fd, 0);
    const std::string block(4096, 'x');
    while (::write(fd, block.data(), block.size()) > 0) continue;
    EXPECT_EQ(errno, ENOSPC);
    ::close(fd);
  }
  std::string filler() const { return directory.path() + "/filler"; }

  static AttachmentKey key(int number) { return {VolumeId("local/v" + std::to_string(number)), TargetId("vm:a")}; }
  static Changes attach(int number) {
    PutAttachment put;
    put.key = key(number);
    put.desired.attached = true;
    Changes changes{PutVolume{put.key.volume, ImageId("i")}, put};
    for (const auto& kind : {rungs::kHold, rungs::kOpen, rungs::kPlug})
      changes.push_back(PutRung{put.key, {kind, {}}, StoredState::Up, {{"a", "1"}}, {}});
    return changes;
  }
  // As the executor writes a detach: the desired state with the first intent, then what came of it.
  static std::vector<Changes> detach(int number) {
    PutAttachment put;
    put.key = key(number);
    Changes begin{put};
    for (const auto& kind : {rungs::kPlug, rungs::kOpen, rungs::kHold})
      begin.push_back(PutRung{put.key, {kind, {}}, StoredState::Lowering, {{"a", "1"}}, {}});
    return {begin, {ForgetVolume{put.key.volume}}};
  }
  std::size_t volumes() const {
    const auto saved = store->load();
    EXPECT_TRUE(saved.ok());
    return saved.ok() ? saved->volumes.size() : 0;
  }

  TempDirectory directory;
  std::unique_ptr<SqliteStore> store;

 private:
  bool is_mounted_{};
};

TEST_F(FullDisk, LeavesRoomForSomeHundredDetaches) {
  open();
  constexpr int kCount = 300;
  for (int number = 0; number < kCount; ++number) ASSERT_TRUE(store->apply(attach(number)).ok());
  store.reset();
  open();  // with an empty log: the most that it may grow
  EXPECT_FALSE(store->is_low_on_space());
  fill();
  for (int number = 0; number < kCount; ++number)
    for (const auto& changes : detach(number)) {
      const auto applied = store->apply(changes);
      ASSERT_TRUE(applied.ok()) << number << ": " << applied.error().message;
    }
  EXPECT_TRUE(store->is_low_on_space());
  EXPECT_EQ(volumes(), 0U);
}

TEST_F(FullDisk, RecoversWhenThereIsRoomAgain) {
  open();
  ASSERT_TRUE(store->apply(attach(1)).ok());
  fill();
  for (int number = 2; !store->is_low_on_space() && number < 1000; ++number) (void)store->apply(attach(number));
  EXPECT_TRUE(store->is_low_on_space());
  ASSERT_EQ(::unlink(filler().c_str()), 0);
  ASSERT_TRUE(store->apply(detach(1)[1]).ok());
  EXPECT_FALSE(store->is_low_on_space());
}

TEST_F(FullDisk, TakesAllOrNothing) {
  open();
  fill();
  std::size_t written = 0;
  std::optional<Error> error;
  for (int number = 0; number < 10'000 && !error; ++number) {
    const auto applied = store->apply(attach(number));
    if (applied.ok())
      ++written;
    else
      error = applied.error();
  }
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, Code::ResourceExhausted) << error->message;
  EXPECT_EQ(error->effect, Effect::None);
  EXPECT_TRUE(store->is_low_on_space());
  EXPECT_EQ(volumes(), written);
  store.reset();
  open();  // a restart on the full disk still reads it
  EXPECT_TRUE(store->is_low_on_space());
  EXPECT_EQ(volumes(), written);
}

TEST_F(FullDisk, IsSaidWhereAStoreCannotEvenBeMade) {
  fill();
  const auto opened = SqliteStore::open(directory.path());
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Code::ResourceExhausted) << opened.error().message;
}

}  // namespace
}  // namespace blockplug::test
