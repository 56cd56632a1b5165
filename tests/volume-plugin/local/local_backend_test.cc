// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/local/local_backend.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fstream>
#include <future>

#include "tests/volume-plugin/local/local_world.h"
#include "volume-plugin/local/lock.h"

namespace blockplug::local::testing {
namespace {
namespace fs = std::filesystem;
using LocalBackendTest = LocalWorld;

TEST_F(LocalBackendTest, CreatesASparseFileForUsAlone) {
  const auto facts = done(perform(*backend_, OrderKind::Create, "data-1", std::int64_t{1} << 30));
  struct stat status {};
  ASSERT_EQ(::stat(backend_->directory().path_of("data-1").c_str(), &status), 0);
  EXPECT_EQ(facts, (Facts{{"image", "file:" + std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino)},
                          {"size_bytes", "1073741824"}}));
  EXPECT_EQ(status.st_mode, S_IFREG | 0600U);
  EXPECT_EQ(status.st_size, std::int64_t{1} << 30);
  EXPECT_LT(status.st_blocks, 16);
  EXPECT_EQ(files(), std::vector<std::string>{"data-1.raw"});
  EXPECT_NE(run("qemu-img info -f raw " + backend_->directory().path_of("data-1")).output.find("1 GiB"), std::string::npos);
}

TEST_F(LocalBackendTest, CreatingTheSameAgainIsDoneAndAnotherSizeIsRefused) {
  const auto first = done(perform(*backend_, OrderKind::Create, "a", kMiB));
  EXPECT_EQ(done(perform(*backend_, OrderKind::Create, "a", kMiB)), first);
  const auto other = error(perform(*backend_, OrderKind::Create, "a", 2 * kMiB));
  EXPECT_EQ(other, no_effect(Code::AlreadyExists, "volume 'a' already exists with 1MiB, not 2MiB: expand it, or use another name"));
}

TEST_F(LocalBackendTest, RefusesSizesAndNamesThatCannotBe) {
  EXPECT_EQ(error(perform(*backend_, OrderKind::Create, "a", 0)).code, Code::InvalidArgument);
  EXPECT_EQ(error(perform(*backend_, OrderKind::Create, "a", 1000)).code, Code::InvalidArgument);
  EXPECT_EQ(error(perform(*backend_, OrderKind::Create, "a")).code, Code::InvalidArgument);
  for (const auto kind : {OrderKind::Create, OrderKind::Resize, OrderKind::Delete}) {
    EXPECT_EQ(error(perform(*backend_, kind, "../a", kMiB)).code, Code::InvalidArgument);
  }
  EXPECT_EQ(backend_->find(VolumeId{"local/../a"}).error().code, Code::InvalidArgument);
  const auto large = error(perform(*backend_, OrderKind::Create, "a", std::int64_t{1} << 60));
  EXPECT_EQ(large.code, Code::OutOfRange);
  EXPECT_NE(large.message.find("the file system of " + backend_->directory().path() + " has "), std::string::npos) << large.message;
  EXPECT_TRUE(files().empty());
}

TEST_F(LocalBackendTest, NeverTouchesWhatIsNotARegularFile) {
  const auto outside = directory_.path() / "outside";
  std::ofstream{outside} << "precious";
  fs::create_symlink(outside, backend_->directory().path_of("link"));
  fs::create_symlink(directory_.path() / "nothing", backend_->directory().path_of("dangling"));
  fs::create_directory(backend_->directory().path_of("directory"));
  ASSERT_EQ(::mkfifo(backend_->directory().path_of("pipe").c_str(), 0600), 0);
  const auto before = files();
  const struct {
    const char *name, *kind;
  } table[] = {
      {"link", "a symbolic link"}, {"dangling", "a symbolic link"}, {"directory", "a directory"}, {"pipe", "a named pipe"}};
  for (const auto& row : table) {
    for (const auto kind : {OrderKind::Create, OrderKind::Resize, OrderKind::Delete}) {
      const auto refused = error(perform(*backend_, kind, row.name, kMiB));
      EXPECT_EQ(refused.code, Code::FailedPrecondition) << row.name;
      EXPECT_NE(refused.message.find(std::string{".raw is "} + row.kind), std::string::npos) << refused.message;
    }
    EXPECT_EQ(backend_->find(VolumeId{std::string{"local/"} + row.name}).error().code, Code::FailedPrecondition);
  }
  EXPECT_EQ(files(), before);
  EXPECT_EQ(fs::file_size(outside), 8U);
  EXPECT_FALSE(fs::exists(directory_.path() / "nothing"));
  EXPECT_TRUE(backend_->list()->empty());
}

TEST_F(LocalBackendTest, ADiskThatIsFullLeavesNothingBehind) {
  const Tmpfs tiny{directory_.path() / "tiny", "size=1m,nr_inodes=3"};
  const auto backend = LocalBackend::open("local", directory_.path() / "tiny");
  ASSERT_TRUE(backend.ok());
  EXPECT_EQ(error(perform(**backend, OrderKind::Create, "large", 2 * kMiB)).message,
            "a volume of 2MiB does not fit: the file system of " + directory_.path().native() + "/tiny has 1024KiB in all");
  Error full;
  for (const char* name : {"a", "b", "c"}) {
    const auto attempt = perform(**backend, OrderKind::Create, name, kMiB);
    if (std::holds_alternative<Error>(attempt)) full = std::get<Error>(attempt);
  }
  EXPECT_EQ(full.code, Code::ResourceExhausted);
  EXPECT_EQ(full.effect, Effect::None);
  EXPECT_NE(full.message.find("No space left on device"), std::string::npos) << full.message;
  EXPECT_EQ(std::distance(fs::directory_iterator{directory_.path() / "tiny"}, {}), 2);
}

TEST_F(LocalBackendTest, ACreateThatFailsHalfWayLeavesNothingBehind) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = kMiB, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto attempt = perform(*backend_, OrderKind::Create, "a", 2 * kMiB);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(error(attempt),
            no_effect(Code::OutOfRange, "cannot create " + backend_->directory().path_of("a") + ": File too large"));
  EXPECT_TRUE(files().empty());
}

TEST_F(LocalBackendTest, ManyWhoCreateTheSameAtOnceGetTheSame) {
  std::vector<std::future<Attempt>> attempts;
  for (int i = 0; i < 8; ++i)
    attempts.push_back(std::async(std::launch::async, [&] { return perform(*backend_, OrderKind::Create, "a", kMiB); }));
  const auto image = done(attempts.front().get()).at("image");
  for (std::size_t i = 1; i < attempts.size(); ++i) EXPECT_EQ(done(attempts[i].get()).at("image"), image);
  EXPECT_EQ(files(), std::vector<std::string>{"a.raw"});
}

TEST_F(LocalBackendTest, SweepsWhatACrashedCreateLeftButNotWhatIsBeingMade) {
  const auto at = [&](const char* name) { return backend_->directory().path() + "/" + name; };
  std::ofstream{at(".blockplug-new-1")};
  std::ofstream{at(".blockplug-new-2")};
  fs::create_symlink(directory_.path(), at(".blockplug-new-3"));
  std::ofstream{at(".other")};
  const FileDescriptor being_made{::open(at(".blockplug-new-2").c_str(), O_RDWR | O_CLOEXEC)};
  ASSERT_TRUE(*take_daemon_lock(being_made.get(), Access::ReadWrite));
  ASSERT_TRUE(LocalBackend::open("local", backend_->directory().path()).ok());
  EXPECT_EQ(files(), (std::vector<std::string>{".blockplug-new-2", ".blockplug-new-3", ".other"}));
}

TEST_F(LocalBackendTest, GrowsButNeverShrinks) {
  const auto path = make_volume("a", 2 * kMiB);
  EXPECT_EQ(done(perform(*backend_, OrderKind::Resize, "a", 2 * kMiB)).at("size_bytes"), "2097152");
  EXPECT_EQ(done(perform(*backend_, OrderKind::Resize, "a", 3 * kMiB)).at("size_bytes"), "3145728");
  EXPECT_EQ(done(perform(*backend_, OrderKind::Resize, "a", 3 * kMiB)).at("size_bytes"), "3145728");
  EXPECT_EQ(error(perform(*backend_, OrderKind::Resize, "a", kMiB)),
            no_effect(Code::OutOfRange, "volume 'a' cannot shrink from 3MiB to 1MiB: that would lose data"));
  EXPECT_EQ(error(perform(*backend_, OrderKind::Resize, "a", std::int64_t{1} << 60)).code, Code::OutOfRange);
  EXPECT_EQ(error(perform(*backend_, OrderKind::Resize, "b", kMiB)).code, Code::NotFound);
  EXPECT_EQ(fs::file_size(path), 3U * kMiB);
}

TEST_F(LocalBackendTest, GrowsWhileItIsHeld) {
  make_volume("a");
  LocalHold hold{backend_->directory(), {}};
  Asking asking{"a"};
  done(hold.raise(asking.call()));
  done(perform(*backend_, OrderKind::Resize, "a", 2 * kMiB));
  EXPECT_EQ(hold.probe(asking.call()).facts.at("image.size_bytes"), "2097152");
}

TEST_F(LocalBackendTest, DeletesAndGoneAlreadyIsDone) {
  make_volume("a");
  EXPECT_EQ(done(perform(*backend_, OrderKind::Delete, "a")), (Facts{{"image", ""}}));
  EXPECT_TRUE(files().empty());
  EXPECT_EQ(done(perform(*backend_, OrderKind::Delete, "a")), (Facts{{"image", ""}}));
}

TEST_F(LocalBackendTest, DoesNotDeleteWhatSomebodyHolds) {
  const auto path = make_volume("a");
  const auto refusal = [&] {
    const auto refused = error(perform(*backend_, OrderKind::Delete, "a"));
    EXPECT_EQ(refused.code, Code::FailedPrecondition);
    EXPECT_EQ(refused.effect, Effect::None);
    EXPECT_TRUE(fs::exists(path));
    return refused.message;
  };
  {
    LocalHold hold{backend_->directory(), {}};
    Asking reader{"a", "host", Access::ReadOnly};
    done(hold.raise(reader.call()));
    EXPECT_EQ(refusal(), "volume 'a' cannot be deleted: this daemon holds it: detach it first");
  }
  {
    const SecondDaemon second{backend_->directory().path(), "a", Access::ReadOnly};
    EXPECT_NE(refusal().find("another Blockplug daemon holds it, process " + std::to_string(second.pid()) + " ("),
              std::string::npos);
  }
  {
    const ByteLock qemu{path, 100};
    EXPECT_NE(refusal().find("it is open in process " + std::to_string(::getpid())), std::string::npos);
  }
  {
    const Loop loop{path, "--read-only"};
    EXPECT_NE(refusal().find("run `losetup -d " + loop.device() + "`"), std::string::npos);
  }
  done(perform(*backend_, OrderKind::Delete, "a"));
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(LocalBackendTest, ListsVolumesByNameAndIgnoresForeignFiles) {
  for (const char* name : {"b", "a", "c.d"}) make_volume(name);
  for (const char* name : {"notes.txt", ".hidden.raw", "x..y.raw", ".raw", "plain"})
    std::ofstream{backend_->directory().path() + "/" + name};
  const auto listed = backend_->list();
  ASSERT_TRUE(listed.ok());
  std::vector<std::string> ids;
  for (const auto& volume : *listed) ids.push_back(volume.id.str());
  EXPECT_EQ(ids, (std::vector<std::string>{"local/a", "local/b", "local/c.d"}));
}

TEST_F(LocalBackendTest, FindsAVolumeWithWhatPeopleAsk) {
  const auto path = make_volume("a", 8 * kMiB);
  std::fstream{path} << std::string(4096, 'x') << std::flush;
  const auto info = backend_->find(VolumeId{"local/a"});
  ASSERT_TRUE(info.ok());
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(info->size_bytes, 8 * kMiB);
  EXPECT_EQ(info->image, image_of(id_of(status)));
  EXPECT_EQ(info->details, (Facts{{"path", path}, {"allocated_bytes", std::to_string(status.st_blocks * 512)}}));
  const auto changed = WallClock::from_time_t(status.st_ctim.tv_sec);
  EXPECT_LT(info->created, changed + std::chrono::seconds{1});
  EXPECT_GT(info->created, changed - std::chrono::minutes{1});
  EXPECT_EQ(backend_->find(VolumeId{"local/b"}).error().code, Code::NotFound);
}

TEST_F(LocalBackendTest, SaysPlainlyWhatItCannotDo) {
  for (const auto kind : {OrderKind::Clone, OrderKind::Snapshot, OrderKind::Fence}) {
    const auto refused = error(perform(*backend_, kind, "a"));
    EXPECT_EQ(refused.code, Code::Unimplemented);
    EXPECT_EQ(refused.effect, Effect::None);
    EXPECT_NE(refused.message.find("local volume"), std::string::npos);
  }
}
}  // namespace
}  // namespace blockplug::local::testing
