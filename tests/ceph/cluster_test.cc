// SPDX-License-Identifier: Apache-2.0
#include "ceph/cluster.h"

#include <signal.h>

#include <fstream>
#include <future>

#include "ceph/connection.h"
#include "tests/ceph/ceph_world.h"

namespace blockplug::rbd::testing {
namespace {
using std::chrono::seconds;

class ClusterTest : public ::testing::Test {
 protected:
  static std::string keyring_with(const std::string& user, const std::string& key) {
    const auto path =
        ceph_directory() / (::testing::UnitTest::GetInstance()->current_test_info()->name() + std::string{".keyring"});
    std::ofstream{path} << "[client." << user << "]\n\tkey = " << key << "\n";
    return path;
  }
  static Error failure(ClusterOptions options) {
    Cluster cluster{std::move(options)};
    const auto started = Clock::now();
    const auto connected = cluster.connect();
    EXPECT_LT(Clock::now() - started, seconds{15}) << "librados alone waits for five minutes";
    EXPECT_FALSE(connected.ok());
    return connected.ok() ? Error{} : connected.error();
  }
};

TEST_F(ClusterTest, SaysWhereAndWhatTheClusterIs) {
  Cluster cluster{our_options()};
  const auto fsid = cluster.fsid();
  ASSERT_TRUE(fsid.ok()) << fsid.error().message;
  EXPECT_EQ(ceph({"fsid"}).output, *fsid);
  const auto monitors = cluster.monitors();
  ASSERT_TRUE(monitors.ok()) << monitors.error().message;
  ASSERT_EQ(monitors->size(), 1U);
  EXPECT_EQ(monitors->front().host + ":" + monitors->front().port, monitor_address());
  EXPECT_EQ(cluster.key()->reveal(), our_key());
}

TEST_F(ClusterTest, MakesOneConnectionForAll) {
  Cluster cluster{our_options()};
  std::vector<std::future<std::shared_ptr<Connection>>> askers;
  for (int i = 0; i < 8; ++i) askers.push_back(std::async(std::launch::async, [&] { return cluster.connect().value(); }));
  const auto first = askers.front().get();
  for (std::size_t i = 1; i < askers.size(); ++i) EXPECT_EQ(askers[i].get(), first);
  EXPECT_TRUE(first->own_address().starts_with("127.0.0.1:0/")) << first->own_address();
}

TEST_F(ClusterTest, TellsAWrongKeyFromAWrongUserFromADeadMonitor) {
  auto options = our_options();
  options.keyring = keyring_with("blockplug", "AQB3gVhfAAAAABAAAAAAAAAAAAAAAAAAAAAAAA==");
  auto refused = failure(options);
  EXPECT_EQ(refused.code, Code::PermissionDenied);
  expect_text(refused.message, "refuses user client.blockplug: check its key in " + options.keyring);
  EXPECT_EQ(refused.message.find("AQB3"), std::string::npos);

  options.keyring = keyring_with("blockplug", "no-base64");
  refused = failure(options);
  EXPECT_EQ(refused.code, Code::PermissionDenied);
  EXPECT_EQ(refused.message.find("no-base64"), std::string::npos);

  options.user = "nobody";
  refused = failure(options);
  EXPECT_EQ(refused.code, Code::NotFound);
  expect_text(refused.message, "no key of client.nobody in " + options.keyring);
  options.keyring = keyring_with("nobody", our_key());
  refused = failure(options);
  EXPECT_EQ(refused.code, Code::PermissionDenied);
  expect_text(refused.message, "refuses user client.nobody");
  EXPECT_EQ(refused.message.find(our_key()), std::string::npos);

  options = our_options();
  options.monitors = {"127.0.0.1:9"};  // the discard port: nothing listens there
  const auto dead = failure(options);
  EXPECT_EQ(dead.code, Code::Unavailable);
  expect_text(dead.message, "no monitor answers at 127.0.0.1:9 within 5 s");
}

TEST_F(ClusterTest, SaysWhichFileIsMissing) {
  auto options = our_options();
  options.conf = "/nowhere/ceph.conf";
  auto missing = failure(options);
  EXPECT_EQ(missing.code, Code::NotFound);
  expect_text(missing.message, "/nowhere/ceph.conf");
  options = our_options();
  options.keyring = "/nowhere/keyring";
  missing = failure(options);
  EXPECT_EQ(missing.code, Code::NotFound);
  expect_text(missing.message, "/nowhere/keyring");
}

TEST_F(ClusterTest, NeedsNoConfWhereMonitorsAndKeyringAreSaid) {
  Cluster cluster{
      {.conf = {}, .user = "blockplug", .keyring = ceph_directory() / "blockplug.keyring", .monitors = {monitor_address()}}};
  EXPECT_TRUE(cluster.fsid().ok());
}

TEST_F(ClusterTest, TellsAnUnknownPoolFromAnUnknownNamespace) {
  Cluster cluster{our_options()};
  const auto connection = cluster.connect().value();
  const auto pool = connection->pool("nothing", "");
  ASSERT_FALSE(pool.ok());
  EXPECT_EQ(pool.error(), no_effect(Code::NotFound, "the cluster has no pool 'nothing'"));
  const auto name_space = connection->pool("volumes", "nothing");
  ASSERT_FALSE(name_space.ok());
  EXPECT_EQ(name_space.error().code, Code::NotFound);
  expect_text(name_space.error().message, "pool 'volumes' has no namespace 'nothing'");
  EXPECT_TRUE(connection->pool("volumes", "").ok());
}

TEST_F(ClusterTest, ConnectsWhenTheMonitorAnswersAgainAndKeepsWhatItHad) {
  Cluster before{our_options()}, during{our_options()};
  const auto kept = before.connect().value();
  std::vector<std::future<Code>> askers;
  {
    const Stopped monitor{monitor_pid()};
    const auto started = Clock::now();
    for (int i = 0; i < 4; ++i) askers.push_back(std::async(std::launch::async, [&] { return during.connect().error().code; }));
    for (auto& asker : askers) EXPECT_EQ(asker.get(), Code::Unavailable);
    EXPECT_LT(Clock::now() - started, seconds{15}) << "they wait together, not one after the other";
    EXPECT_EQ(before.monitors().error().code, Code::Unavailable);
  }
  EXPECT_TRUE(comes_true([&] { return during.connect().ok(); }));
  EXPECT_TRUE(comes_true([&] { return before.monitors().ok(); }));
  EXPECT_EQ(before.connect().value(), kept);
}

TEST_F(ClusterTest, GoesOnWhenTheMonitorThatDiedIsStartedAgain) {
  Cluster cluster{our_options()};
  const auto kept = cluster.connect().value();
  auto pool = kept->pool("volumes", "");
  ASSERT_TRUE(pool.ok()) << pool.error().message;
  ASSERT_EQ(::kill(monitor_pid(), SIGKILL), 0);
  librados::bufferlist bytes;
  bytes.append("written without a monitor");
  EXPECT_EQ(pool->io.write_full("monitor-test", bytes), 0) << "OSDs need none";
  EXPECT_EQ(cluster.monitors().error().code, Code::Unavailable);
  const auto started = run({"ceph-mon", "-c", ceph_directory() / "ceph.conf", "-i", "a"});
  ASSERT_EQ(started.exit_code, 0) << started.output;
  EXPECT_TRUE(comes_true([&] { return cluster.monitors().ok(); }));
  EXPECT_EQ(cluster.connect().value(), kept);
  EXPECT_EQ(pool->io.remove("monitor-test"), 0);
}

TEST_F(ClusterTest, MakesANewConnectionWhereItsOldOneWasFenced) {
  Cluster cluster{our_options()};
  const auto first = cluster.connect().value();
  ASSERT_EQ(ceph({"osd", "blocklist", "add", first->own_address()}).exit_code, 0);
  const auto is_shut_out = [&] {
    auto pool = first->pool("volumes", "");
    if (!pool.ok()) return true;
    librados::bufferlist nothing;
    const int answer = pool->io.write_full("fence-test", nothing);
    if (answer < 0) static_cast<void>(first->error(answer, "write", Effect::None));
    return answer == -ESHUTDOWN;
  };
  EXPECT_TRUE(comes_true(is_shut_out));
  const auto second = cluster.connect().value();
  EXPECT_NE(second, first);
  EXPECT_TRUE(second->pool("volumes", "").ok());
}

TEST(Address, IsReadAsCephWritesIt) {
  EXPECT_EQ(plain_address("127.0.0.1:0/12"), "127.0.0.1:0/12");
  EXPECT_EQ(plain_address("v1:127.0.0.1:0/12"), "127.0.0.1:0/12");
  EXPECT_EQ(plain_address("v2:[::1]:0/12"), "[::1]:0/12");
  EXPECT_EQ(plain_address("[v2:127.0.0.1:0/12,v1:127.0.0.1:0/12]"), "127.0.0.1:0/12");
  EXPECT_EQ(plain_address("[::1]:0/12"), "[::1]:0/12");
  EXPECT_EQ(host_of("v2:[::1]:0/12"), "[::1]");
  EXPECT_EQ(host_of("10.0.0.1:6789/0"), "10.0.0.1");
}

}  // namespace
}  // namespace blockplug::rbd::testing
