// SPDX-License-Identifier: Apache-2.0
#include "tests/ceph/map/node/krbd_node.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "ceph/map/krbd_verbs.h"
#include "hotplug/host/file_descriptor.h"
#include "hotplug/rungs.h"
#include "tests/support/paths.h"

namespace blockplug::rbd::testing {
namespace fs = std::filesystem;
namespace {
constexpr std::size_t kSector = 4096;

// Closed before the libraries that it needs.
class SharedCluster : public ::testing::Environment {
 public:
  void SetUp() override {
    cluster_ = std::make_unique<Cluster>(ClusterOptions{.conf = ceph_directory() / "blockplug.conf", .user = "blockplug"});
  }
  void TearDown() override { cluster_.reset(); }
  Cluster& get() { return *cluster_; }

 private:
  std::unique_ptr<Cluster> cluster_;
};
SharedCluster* const kShared = static_cast<SharedCluster*>(::testing::AddGlobalTestEnvironment(new SharedCluster));

struct Sector {
  alignas(kSector) char bytes[kSector]{};
};
}  // namespace

Ran run(const std::string& command) {
  Ran ran;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  char buffer[4096];
  while (const auto size = std::fread(buffer, 1, sizeof buffer, pipe)) ran.output.append(buffer, size);
  ran.exit_code = WEXITSTATUS(::pclose(pipe));
  if (ran.output.ends_with('\n')) ran.output.pop_back();
  return ran;
}

fs::path ceph_directory() {
  const char* directory = std::getenv("BLOCKPLUG_CEPH_DIR");
  return directory == nullptr ? "/BLOCKPLUG_CEPH_DIR is not set (see tests/lab/krbd-node)" : directory;
}

Cluster& cluster() { return kShared->get(); }

KrbdNode::KrbdNode(const std::string& name_space, std::uint64_t features)
    : place_{.backend = "ceph", .pool = "volumes", .name_space = name_space},
      key_{VolumeId{"ceph/" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name())}, TargetId{"host"}},
      backend_{cluster(), place_, "node-1", features} {
  auto path = fs::canonical(::testing::TempDir()).native() + "/krbd-XXXXXX";
  EXPECT_NE(::mkdtemp(path.data()), nullptr);
  directory_ = path;
  helper_ = std::make_unique<Helper>(blockplug::testing::program("blockplug-helper"), directory_ / "book");
  source_ = RbdSource::make({.cluster = cluster(), .place = place_, .node = "node-1", .run_dir = directory_}).value();
  map_ = make_map();
  spec_.size_bytes = 16 * kMiB;
  done(perform(OrderKind::Create, {{"size_bytes", std::to_string(spec_.size_bytes)}}));
}

KrbdNode::~KrbdNode() {
  for (const auto& device : devices()) {
    ADD_FAILURE() << "left behind: " << device.path << " of " << device.image;
    run("umount -l " + device.path + "; echo '" + device.id + " force' >/sys/bus/rbd/remove_single_major");
  }
  if (below_.contains("image.rbd_id")) done(hold_.lower(call(rungs::kHold)));
  done(perform(OrderKind::Delete, {}));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child or a zombie was left behind";
  fs::remove_all(directory_);
}

std::unique_ptr<KrbdMap> KrbdNode::make_map(const std::string& owner) {
  return std::make_unique<KrbdMap>(KrbdMap::Parts{
      .cluster = cluster(), .place = place_, .source = *source_, .helper = *helper_, .events = events_, .owner = owner});
}

Call KrbdNode::call(RungKind kind, LowerReason because) {
  return Call{.key = key_,
              .rung = {kind, {}},
              .spec = spec_,
              .below = below_,
              .before = before_,
              .deadline = Clock::now() + std::chrono::seconds(60),
              .stop = {},
              .operation = "test",
              .lower_reason = because,
              .journal = journal_};
}

Attempt KrbdNode::perform(OrderKind kind, Facts arguments) {
  const Order order{.id = 1, .volume = key_.volume, .kind = kind, .arguments = std::move(arguments)};
  const Facts nothing;
  RbdBackend elsewhere{cluster(), place_, "node-2", kDefaultFeatures};  // a node cannot fence itself
  return (kind == OrderKind::Fence ? elsewhere : backend_)
      .perform({.order = order, .before = nothing, .deadline = Time::max(), .stop = {}, .operation = "test", .journal = journal_});
}

void KrbdNode::hold(Access access) {
  spec_.access = access;
  for (const auto& [name, value] : done(hold_.raise(call(rungs::kHold)))) below_[name] = value;
}

Facts KrbdNode::raise() {
  before_ = done(map_->raise(call()));
  for (const auto& [name, value] : before_) below_[name] = value;
  return before_;
}

Facts KrbdNode::own() { return done(own_.raise(call(rungs::kOwn))); }

void KrbdNode::lower() {
  done(map_->lower(call()));
  for (const auto& [name, value] : before_) below_.erase(name);
  before_ = {};
}

Facts KrbdNode::foreign_desired() const {
  const auto monitor = cluster().legacy_monitors()->front();
  return {{"sysfs", "/sys"},
          {"monitors", monitor.host + ":" + monitor.port},
          {"ms_mode", ""},
          {"user", "blockplug"},
          {"keyrings", ceph_directory() / "blockplug.keyring"},
          {"mark", "bp-somebodyelse"},
          {"access", "rw"},
          {"pool", place_.pool},
          {"namespace", place_.name_space},
          {"image", std::string(name_of(key_.volume))},
          {"osd_timeout_seconds", "0"}};
}

std::string KrbdNode::watchers() {
  std::string all;
  const auto info = backend_.find(key_.volume);
  EXPECT_TRUE(info.ok());
  for (const auto& address : info->watchers) all += address + " ";
  return all;
}

std::string write_to(const std::string& device, const std::string& text) {
  const FileDescriptor fd(::open(device.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC));
  Sector sector;
  text.copy(sector.bytes, sizeof sector.bytes);
  if (!fd.is_open() || ::pwrite(fd.get(), sector.bytes, sizeof sector.bytes, 0) != kSector) return std::strerror(errno);
  return ::fsync(fd.get()) == 0 ? "" : std::strerror(errno);
}

std::string read_from(const std::string& device, std::size_t size) {
  const FileDescriptor fd(::open(device.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC));
  Sector sector;
  if (!fd.is_open() || ::pread(fd.get(), sector.bytes, sizeof sector.bytes, 0) != kSector) return std::strerror(errno);
  return {sector.bytes, size};
}

Facts done(const Attempt& attempt) {
  if (const auto* error = std::get_if<Error>(&attempt)) ADD_FAILURE() << to_text(error->code) << ": " << error->message;
  if (const auto* waiting = std::get_if<Waiting>(&attempt)) ADD_FAILURE() << "waits for " << waiting->for_what;
  const auto* done = std::get_if<Done>(&attempt);
  return done == nullptr ? Facts{} : done->facts;
}

std::string waiting(const Attempt& attempt) {
  if (const auto* error = std::get_if<Error>(&attempt)) ADD_FAILURE() << to_text(error->code) << ": " << error->message;
  const auto* waiting = std::get_if<Waiting>(&attempt);
  if (waiting == nullptr) ADD_FAILURE() << "it does not wait";
  return waiting == nullptr ? "" : waiting->for_what;
}

Error error(const Attempt& attempt) {
  const auto* error = std::get_if<Error>(&attempt);
  if (error == nullptr) ADD_FAILURE() << "it is no error";
  return error == nullptr ? Error{} : *error;
}

void expect_text(const std::string& message, const std::string& part) {
  EXPECT_NE(message.find(part), std::string::npos) << "'" << part << "' is not in: " << message;
}

}  // namespace blockplug::rbd::testing
