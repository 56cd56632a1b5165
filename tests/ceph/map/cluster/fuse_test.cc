// SPDX-License-Identifier: Apache-2.0
// The fuse mapper, from an image to a block device and back.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstring>

#include "ceph/map/rbd_map.h"
#include "hotplug/host/file_descriptor.h"
#include "hotplug/host/text_file.h"
#include "tests/attach-detach/file_store.h"
#include "tests/ceph/elsewhere.h"
#include "tests/ceph/map/cluster/fuse_world.h"
#include "tests/support/launcher.h"

namespace blockplug::rbd::testing {
namespace {
namespace fs = std::filesystem;
using std::chrono::seconds;

// Each 4 KiB has its own number throughout, so that bytes in a wrong place are seen.
std::string numbered_blocks(std::int64_t size_bytes) {
  std::string bytes(static_cast<std::size_t>(size_bytes), '\0');
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t number = at / 4096 + 1;
    std::memcpy(bytes.data() + at, &number, sizeof number);
  }
  return bytes;
}

// As the kernel has it unless it is told otherwise.
void put_requests_at_once(const std::string& number, int most) {
  const FileDescriptor context{::fsopen("fusectl", FSOPEN_CLOEXEC)};
  ASSERT_EQ(::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0), 0);
  const FileDescriptor files{::fsmount(context.get(), FSMOUNT_CLOEXEC, 0)};
  const auto name = number.substr(number.find(':') + 1) + "/max_background";
  const FileDescriptor limit{::openat(files.get(), name.c_str(), O_WRONLY | O_CLOEXEC)};
  const auto text = std::to_string(most);
  ASSERT_EQ(::write(limit.get(), text.data(), text.size()), static_cast<ssize_t>(text.size())) << name;
}

// In Kubernetes it is a process of another container, which stays when the driver's ends.
TEST_F(FuseTest, TheStorageDaemonIsStartedByTheLauncherWhereThereIsOne) {
  make_volume("a");
  auto asking = hold("a");
  const blockplug::test::TempDirectory elsewhere;
  const auto socket = elsewhere.path() + "/launcher.sock";
  const auto map = another_life(*source_, socket);
  expect_text(error(map->raise(call(asking))).message, "launcher " + socket + ": it does not listen");
  expect_nothing_left();
  {
    const blockplug::testing::Launcher launcher(socket);
    const auto device = raise(*map, asking);
    ASSERT_EQ(storage_daemons().size(), 1U);
    EXPECT_EQ(::getpriority(PRIO_PROCESS, static_cast<id_t>(storage_daemons().front())), blockplug::testing::Launcher::kNice);
    EXPECT_EQ(write_device(device, kMiB, "through it"), "written");
  }
  EXPECT_EQ(probe(*map, asking).standing, Standing::Up) << "it needs no launcher any more";
  EXPECT_EQ(read("a", kMiB, 10), "through it");
  own(asking);
  lower(*map, asking);
  release(asking);
}

// A launcher's start may go on when nobody waits for it any more.
TEST_F(FuseTest, AStartThatHasNotEndedKeepsTheDirectoryAndASecondOneAway) {
  make_volume("a");
  auto asking = hold("a");
  raise(*map_, asking);
  {
    const FileDescriptor starting{::open(directory_of("a").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    ASSERT_EQ(::flock(starting.get(), LOCK_EX), 0);
    for (const auto pid : storage_daemons()) ::kill(pid, SIGKILL);
    EXPECT_TRUE(comes_true([&] { return storage_daemons().empty(); }));
    const auto waits = map_->lower(call(asking));
    EXPECT_FALSE(std::holds_alternative<Done>(waits));
    EXPECT_TRUE(fs::exists(directory_of("a")));
  }
  lower(*map_, asking);
  release(asking);
}

std::string session_of(pid_t pid) { return std::to_string(::getsid(pid)); }

TEST_F(FuseTest, MapsAnImageAndWhatIsWrittenToTheDeviceIsInTheImage) {
  make_volume("a");
  write("a", kMiB, "from librbd");
  auto asking = hold("a");
  EXPECT_EQ(map_->unfit(call(asking), Header{}), std::nullopt);
  EXPECT_EQ(probe(*map_, asking).standing, Standing::Down);
  const auto device = raise(*map_, asking);
  EXPECT_EQ(asking.before["device.mapper"], "fuse");
  EXPECT_EQ(asking.before["device.can_limit"], "true");
  EXPECT_EQ(asking.before["device.size_bytes"], std::to_string(4 * kMiB));
  EXPECT_EQ(read_device(device, kMiB, 11), "from librbd");
  EXPECT_EQ(write_device(device, 2 * kMiB, "from the device"), "written");
  EXPECT_EQ(read("a", 2 * kMiB, 15), "from the device");
  const auto found = probe(*map_, asking);
  EXPECT_EQ(found.standing, Standing::Up) << found.why;
  EXPECT_EQ(found.facts, asking.before);
  EXPECT_EQ(raise(*map_, asking), device) << "the same again";
  EXPECT_EQ(storage_daemons().size(), 1U);
  lower(*map_, asking);
  EXPECT_EQ(probe(*map_, asking).standing, Standing::Down);
  lower(*map_, asking);
  release(asking);
}

TEST_F(FuseTest, ItsStorageDaemonIsNoChildOfOursAndItsClientIsTheOneInTheHold) {
  make_volume("a");
  auto asking = hold("a");
  raise(*map_, asking);
  const auto pid = storage_daemons().at(0);
  EXPECT_EQ(asking.before["process.pid"], std::to_string(pid));
  EXPECT_NE(session_of(pid), session_of(0));
  for (const auto& fd : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
    std::error_code gone;
    const auto file = fs::read_symlink(fd.path(), gone).native();
    if (gone) continue;  // closed meanwhile
    EXPECT_TRUE(file.starts_with("/dev/") || file.starts_with("anon_inode:") || file.starts_with("socket:") ||
                file.starts_with("pipe:") || file.starts_with(run_dir_.native()) || file.starts_with("/proc"))
        << file;
  }
  expect_text(rbd_program({"status", spec("a")}).output, own(asking));
  lower(*map_, asking);
  release(asking);
}

TEST_F(FuseTest, MapsTheImageThatFactsBelowNameAndLeavesTheOneOfTheVolumesNameAlone) {
  const Elsewhere elsewhere{name_space_};
  make_volume("a");
  Asking asking{"a", "host"};
  asking.spec.size_bytes = 4 * kMiB;
  asking.below = elsewhere.facts();
  for (const auto& [name, value] : done(hold_.raise(asking.call()))) asking.below[name] = value;
  RbdMap map{cluster_, place(), {map_.get()}, {map_.get()}};
  asking.before = done(map.raise(call(asking)));
  EXPECT_EQ(write_device(asking.before["device.path"], 2 * kMiB, "from the device"), "written");
  EXPECT_EQ(elsewhere.read(2 * kMiB, 15), "from the device");
  EXPECT_EQ(read("a", 2 * kMiB, 15), std::string(15, '\0'));
  EXPECT_EQ(map.probe(call(asking)).standing, Standing::Up);
  expect_text(rbd_program({"status", elsewhere.spec()}).output, own(asking));
  EXPECT_EQ(held_by("a"), "");
  lower(*map_, asking);
  release(asking);
  EXPECT_EQ(elsewhere.held_by(cluster_), "");
}

TEST_F(FuseTest, TheKeyIsNowhere) {
  make_volume("a");
  auto asking = hold("a");
  raise(*map_, asking);
  EXPECT_EQ(answer("a", "qom-list", R"({"path": "/objects"})").find("secret"), std::string::npos);
  std::string all = answer("a", "query-named-block-nodes", "{}");
  for (const auto& entry : fs::directory_iterator("/proc")) all += text_of(entry.path() / "cmdline");
  for (const auto& entry : fs::recursive_directory_iterator(run_dir_)) {
    if (entry.path().filename() != fuse::kImageFile && entry.is_regular_file()) all += text_of(entry.path());
  }
  for (const auto& [name, value] : asking.before) all += value;
  EXPECT_EQ(all.find(our_key()), std::string::npos);
  EXPECT_EQ(fs::status(directory_of("a")).permissions(), fs::perms::owner_all);
  lower(*map_, asking);
  release(asking);
}

TEST_F(FuseTest, IsReadOnlyBelowTheMountWhereSoDesired) {
  make_volume("a");
  write("a", 0, "kept");
  auto asking = hold("a", Access::ReadOnly);
  const auto device = raise(*map_, asking);
  EXPECT_NE(write_device(device, 0, "lost"), "written");
  EXPECT_EQ(read_device(device, 0, 4), "kept");
  expect_text(answer("a", "query-named-block-nodes", R"({"flat": true})"), R"("ro":true)");
  EXPECT_EQ(probe(*map_, asking).standing, Standing::Up);

  asking.spec.access = Access::ReadWrite;
  EXPECT_EQ(probe(*map_, asking).standing, Standing::Stale);
  EXPECT_EQ(write_device(raise(*map_, asking), 0, "anew"), "written");
  EXPECT_EQ(read("a", 0, 4), "anew");
  EXPECT_EQ(storage_daemons().size(), 1U);
  lower(*map_, asking);
  release(asking);
}

TEST_F(FuseTest, GrowsInUseAndNeverShrinksAnImage) {
  make_volume("a");
  auto asking = hold("a");
  const auto device = raise(*map_, asking);
  FileDescriptor user{::open(device.c_str(), O_RDWR | O_CLOEXEC)};
  asking.spec.size_bytes = 8 * kMiB;
  EXPECT_EQ(probe(*map_, asking).standing, Standing::Stale);
  EXPECT_EQ(error(map_->raise(call(asking))).code, Code::FailedPrecondition) << "the image has not grown yet";
  done(perform(OrderKind::Resize, "a", {{"size_bytes", std::to_string(8 * kMiB)}}));
  EXPECT_EQ(raise(*map_, asking), device);
  EXPECT_EQ(asking.before["device.size_bytes"], std::to_string(8 * kMiB));
  EXPECT_EQ(write_device(device, 7 * kMiB, "at the end"), "written");
  EXPECT_EQ(read("a", 7 * kMiB, 10), "at the end");
  asking.spec.size_bytes = 4 * kMiB;
  EXPECT_EQ(probe(*map_, asking).standing, Standing::Up);
  raise(*map_, asking);
  expect_text(rbd_program({"info", spec("a")}).output, "size 8 MiB");
  const auto in_use = map_->lower(call(asking));
  ASSERT_TRUE(std::holds_alternative<Waiting>(in_use));
  expect_text(std::get<Waiting>(in_use).for_what, "process " + std::to_string(::getpid()));
  auto hole = call(asking);
  hole.lower_reason = LowerReason::GapBelow;
  EXPECT_EQ(error(map_->lower(hole)).code, Code::FailedPrecondition);
  EXPECT_EQ(write_device(device, 6 * kMiB, "still there"), "written");
  user = {};
  lower(*map_, asking);
  release(asking);
}

// QEMU truncates an image to the given size, so that is read last, after everything that may take long.
TEST_F(FuseTest, NeverCutsAnImageThatGrowsWhileItIsGrown) {
  struct Growing final : NodeSource {
    Growing(NodeSource& source, std::function<void()> act) : inner(source), grow(std::move(act)) {}
    Result<NodeRecipe> recipe(const Call& call) override {
      auto recipe = inner.recipe(call);
      if (auto now = std::exchange(grow, nullptr)) now();
      return recipe;
    }
    Status answers(const Call& call) override { return inner.answers(call); }
    Status answers(const VolumeId& volume) override { return inner.answers(volume); }
    std::optional<bool> is_of_volume(const Call& call, const std::string& shown) override {
      return inner.is_of_volume(call, shown);
    }
    NodeSource& inner;
    std::function<void()> grow;
  };
  make_volume("a");
  auto asking = hold("a");
  raise(*map_, asking);
  const auto resize = [&](std::int64_t size_bytes) {
    done(perform(OrderKind::Resize, "a", {{"size_bytes", std::to_string(size_bytes)}}));
  };
  resize(8 * kMiB);
  asking.spec.size_bytes = 8 * kMiB;
  Growing growing{*source_, [&] {
                    resize(12 * kMiB);
                    write("a", 11 * kMiB, "new");
                  }};
  map_ = another_life(growing);
  raise(*map_, asking);
  EXPECT_EQ(read("a", 11 * kMiB, 3), "new");
  EXPECT_EQ(backend_.find(asking.key.volume)->size_bytes, 12 * kMiB);
  map_ = another_life();
  lower(*map_, asking);
  release(asking);
}

TEST_F(FuseTest, ChangesLimitsWhileItIsMapped) {
  make_volume("a");
  auto asking = hold("a");
  asking.spec.limits = {{"iops", 500}};
  const auto device = raise(*map_, asking);
  const std::string get = R"({"path": "/objects/bp.ceph.a", "property": "limits"})";
  expect_text(answer("a", "qom-get", get), R"("iops-total":500)");
  asking.spec.limits = {{"bytes_per_second", 1048576}};
  EXPECT_EQ(probe(*map_, asking).standing, Standing::Stale);
  EXPECT_EQ(raise(*map_, asking), device);
  expect_text(answer("a", "qom-get", get), R"("bps-total":1048576)");
  expect_text(answer("a", "qom-get", get), R"("iops-total":0)");
  EXPECT_EQ(probe(*map_, asking).standing, Standing::Up);
  lower(*map_, asking);
  release(asking);
}

// QEMU's FUSE export mixes up the data of writes that come while one waits, here for its turn below the limit.
TEST_F(FuseTest, KeepsEveryByteOfManyWritesAtOnceBelowALimit) {
  constexpr std::int64_t kSizeBytes = 32 * kMiB;
  make_volume("a", kSizeBytes);
  auto asking = hold("a", Access::ReadWrite, kSizeBytes);
  asking.spec.limits = {{"bytes_per_second", 16 * kMiB}};
  const auto device = raise(*map_, asking);
  EXPECT_EQ(probe(*map_, asking).standing, Standing::Up) << probe(*map_, asking).why;
  const auto bytes = numbered_blocks(kSizeBytes);
  EXPECT_EQ(write_device(device, 0, bytes), "written");
  EXPECT_TRUE(read("a", 0, static_cast<std::size_t>(kSizeBytes)) == bytes) << "the image has other bytes";
  lower(*map_, asking);
  release(asking);
}

TEST_F(FuseTest, MendsAMappingOfAnEarlierVersionThatMayMixUpWrites) {
  make_volume("a");
  auto asking = hold("a");
  const auto device = raise(*map_, asking);
  const auto number = fuse::mount_number(directory_of("a") / fuse::kImageFile);
  put_requests_at_once(number, 12);
  const auto found = probe(*map_, asking);
  EXPECT_EQ(found.standing, Standing::Stale);
  expect_text(found.why, "several requests at a time");
  EXPECT_EQ(raise(*map_, asking), device);
  EXPECT_EQ(probe(*map_, asking).standing, Standing::Up);
  EXPECT_EQ(fuse::loops_of(directory_of("a")).size(), 1U);
  lower(*map_, asking);
  release(asking);
}

TEST_F(FuseTest, ReturnsToTheClusterWhatIsDiscarded) {
  make_volume("a", 16 * kMiB);
  auto asking = hold("a", Access::ReadWrite, 16 * kMiB);
  const auto device = raise(*map_, asking);
  EXPECT_EQ(write_device(device, 0, numbered_blocks(16 * kMiB)), "written");
  EXPECT_EQ(used_bytes("a"), 16 * kMiB);
  EXPECT_EQ(run({"blkdiscard", "--offset", std::to_string(4 * kMiB), device}).exit_code, 0);
  EXPECT_EQ(used_bytes("a"), 4 * kMiB);
  lower(*map_, asking);
  release(asking);
}

TEST_F(FuseTest, PassesNoTrimOnBelowALimitOfBytesAndAllOfItAfterThat) {
  make_volume("a", 16 * kMiB);
  auto asking = hold("a", Access::ReadWrite, 16 * kMiB);
  const auto device = raise(*map_, asking);
  const auto trim = [&] { EXPECT_EQ(run({"blkdiscard", device}).exit_code, 0); };
  EXPECT_EQ(write_device(device, 0, numbered_blocks(16 * kMiB)), "written");
  asking.spec.limits = {{"bytes_per_second", kMiB}};
  EXPECT_EQ(raise(*map_, asking), device);
  const auto began = Clock::now();
  trim();
  EXPECT_EQ(read_device(device, 0, 1), "\1");
  EXPECT_LT(Clock::now() - began, seconds(10)) << "16 MiB would take 16 s";
  EXPECT_EQ(used_bytes("a"), 16 * kMiB);
  asking.spec.limits = {{"iops", 1000}};
  EXPECT_EQ(raise(*map_, asking), device);
  trim();
  EXPECT_EQ(used_bytes("a"), 0);
  lower(*map_, asking);
  release(asking);
}

TEST_F(FuseTest, SaysInWordsWhyItCannotAndLeavesNothing) {
  const auto image = make_volume("a");
  auto asking = hold("a");
  asking.spec.size_bytes = 64 * kMiB;
  expect_text(error(map_->raise(call(asking))).message, "has 4194304 bytes, expected");
  asking.spec.size_bytes = 4 * kMiB;
  fuse::FuseMap::Parts parts{.backend = place().backend,
                             .source = *source_,
                             .helper = *helper_,
                             .events = events_,
                             .processes = processes_,
                             .owner = "o",
                             .run_dir = run_dir_ / std::string(80, 'x')};
  FuseMapper deep{parts};
  const auto too_long = error(deep.raise(call(asking)));
  expect_text(too_long.message, "configure a shorter run_dir");
  EXPECT_EQ(too_long.effect, Effect::None);
  parts.run_dir = run_dir_;
  parts.program = "no-such-storage-daemon";
  FuseMapper missing{parts};
  expect_text(missing.unfit(call(asking), Header{}).value_or(""), "install qemu-system-common");
  EXPECT_EQ(error(missing.raise(call(asking))).effect, Effect::None);
  expect_nothing_left();
  EXPECT_EQ(rbd_program({"rm", "--no-progress", spec("a")}).exit_code, 0);
  const auto gone = error(map_->raise(call(asking)));
  EXPECT_EQ(gone.code, Code::NotFound) << gone.message;
  EXPECT_EQ(gone.effect, Effect::None);
}

}  // namespace
}  // namespace blockplug::rbd::testing
