// SPDX-License-Identifier: Apache-2.0
// Tests RbdSource's recipe with a real QEMU program (its storage daemon, which has the same block layer), over QMP on its stdin.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "ceph/hold.h"
#include "ceph/own.h"
#include "ceph/rbd_source.h"
#include "hotplug/host/process/process.h"
#include "hotplug/rungs.h"
#include "hotplug/vm/names.h"
#include "tests/ceph/elsewhere.h"
#include "tests/ceph/images.h"

namespace blockplug::rbd::testing {
namespace {
using Json = nlohmann::json;

class StorageDaemon {
 public:
  StorageDaemon() {
    int to[2], from[2];
    EXPECT_EQ(::pipe2(to, O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(from, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, to[0], 0);
    ::posix_spawn_file_actions_adddup2(&actions, from[1], 1);
    const char* arguments[] = {"qemu-storage-daemon", "--chardev", "stdio,id=c0", "--monitor", "chardev=c0", nullptr};
    EXPECT_EQ(::posix_spawnp(&pid_, arguments[0], &actions, nullptr, const_cast<char**>(arguments), environ), 0);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(to[0]);
    ::close(from[1]);
    to_ = to[1];
    from_ = from[0];
    EXPECT_TRUE(line().contains("QMP"));
    execute("qmp_capabilities", Json::object());
  }
  ~StorageDaemon() {
    ::kill(pid_, SIGKILL);
    EXPECT_EQ(::waitpid(pid_, nullptr, 0), pid_);
    ::close(to_);
    ::close(from_);
  }
  StorageDaemon(const StorageDaemon&) = delete;
  StorageDaemon& operator=(const StorageDaemon&) = delete;
  pid_t pid() const { return pid_; }

  // The answer; fails the test if it is an error.
  Json execute(const std::string& command, const Json& arguments) {
    const auto text = Json{{"execute", command}, {"arguments", arguments}}.dump() + "\n";
    EXPECT_EQ(::write(to_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    for (;;) {
      const auto answer = line();
      if (answer.contains("event")) continue;
      EXPECT_TRUE(answer.contains("return")) << answer.dump();
      return answer.value("return", Json::object());
    }
  }

 private:
  Json line() {
    std::string text;
    for (char c = 0; ::read(from_, &c, 1) == 1 && c != '\n';) text += c;
    return Json::parse(text, nullptr, false);
  }
  pid_t pid_{};
  int to_{-1}, from_{-1};
};

class QemuTest : public ImagesTest {
 protected:
  void add_node(StorageDaemon& qemu, const NodeRecipe& recipe, const VolumeId& volume) {
    for (const auto& object : recipe.objects_json) qemu.execute("object-add", Json::parse(object));
    auto file = Json::parse(recipe.file_json);
    file["read-only"] = false;
    qemu.execute("object-add", {{"qom-type", "throttle-group"}, {"id", "group"}});
    qemu.execute("blockdev-add",
                 {{"driver", "throttle"}, {"node-name", node_name(volume)}, {"throttle-group", "group"}, {"file", file}});
    for (const auto& object : recipe.objects_json) qemu.execute("object-del", {{"id", Json::parse(object).at("id")}});
  }
  RbdHold hold_{cluster_, place(), "node-1"};
  Own own_{cluster_, place(), "node-1"};
};

TEST_F(QemuTest, OpensWhatTheRecipeSaysAndItsClientIsTheOneInTheHold) {
  make_volume("a");
  const auto run_dir = ceph_directory() / "run" / name_space_;
  auto source = RbdSource::make({cluster_, place(), "node-1", run_dir});
  ASSERT_TRUE(source.ok()) << source.error().message;
  Asking asking{"a"};
  asking.before = done(hold_.raise(asking.call()));
  for (const auto& [name, value] : asking.before) asking.below[name] = value;
  StorageDaemon qemu;
  Facts process;
  put_facts(*identify_process(qemu.pid()), process);
  for (const auto& [name, value] : process) asking.below[name] = value;

  const auto recipe = (*source)->recipe(asking.call(rungs::kOpen));
  ASSERT_TRUE(recipe.ok()) << recipe.error().message;
  EXPECT_EQ(Json::parse(recipe->file_json).at("discard"), "unmap");
  add_node(qemu, *recipe, asking.key.volume);
  const auto client = done(own_.raise(asking.call(rungs::kOwn))).at("image.client");
  EXPECT_TRUE(client.starts_with("127.0.0.1:0/")) << client;
  expect_text(rbd_program({"status", spec("a")}).output, client);

  const auto nodes = qemu.execute("query-named-block-nodes", {{"flat", true}});
  EXPECT_EQ(nodes.dump().find(our_key()), std::string::npos);
  std::optional<bool> is_ours;
  for (const auto& node : nodes)
    if (node.value("drv", "") == "rbd") is_ours = (*source)->is_of_volume(asking.call(), node.value("file", ""));
  EXPECT_EQ(is_ours, true) << nodes.dump();
  std::ifstream conf{run_dir / "ceph-ceph.conf"};
  const std::string text{std::istreambuf_iterator<char>{conf}, {}};
  expect_text(text, "client_mount_timeout = 5");
  EXPECT_EQ(text.find(our_key()), std::string::npos);

  done(perform(OrderKind::Resize, "a", {{"size_bytes", "8388608"}}));
  const auto larger = (*source)->recipe(asking.call(rungs::kOpen));
  ASSERT_TRUE(larger.ok());
  qemu.execute("block_resize", {{"node-name", node_name(asking.key.volume)}, {"size", larger->size_bytes}});
  EXPECT_EQ(own_.probe(asking.call(rungs::kOwn)).standing, Standing::Up);
  EXPECT_TRUE(std::holds_alternative<Waiting>(hold_.lower(asking.call())));
  qemu.execute("blockdev-del", {{"node-name", node_name(asking.key.volume)}});
  done(hold_.lower(asking.call()));
}

TEST_F(QemuTest, OpensTheImageThatFactsBelowNameAndLeavesTheOneOfTheVolumesNameAlone) {
  const Elsewhere elsewhere{name_space_};
  make_volume("a");
  auto source = RbdSource::make({cluster_, place(), "node-1", ceph_directory() / "run" / name_space_});
  ASSERT_TRUE(source.ok()) << source.error().message;
  Asking asking{"a"}, named{"a"};
  asking.below = elsewhere.facts();
  asking.before = done(hold_.raise(asking.call()));
  for (const auto& [name, value] : asking.before) asking.below[name] = value;
  StorageDaemon qemu;
  put_facts(*identify_process(qemu.pid()), asking.below);

  const auto recipe = (*source)->recipe(asking.call(rungs::kOpen));
  ASSERT_TRUE(recipe.ok()) << recipe.error().message;
  add_node(qemu, *recipe, asking.key.volume);
  expect_text(rbd_program({"status", elsewhere.spec()}).output, done(own_.raise(asking.call(rungs::kOwn))).at("image.client"));
  expect_text(rbd_program({"status", spec("a")}).output, "Watchers: none");
  EXPECT_EQ(held_by("a"), "");
  std::optional<bool> is_ours, is_of_the_name;
  for (const auto& node : qemu.execute("query-named-block-nodes", {{"flat", true}}))
    if (node.value("drv", "") == "rbd") {
      is_ours = (*source)->is_of_volume(asking.call(), node.value("file", ""));
      is_of_the_name = (*source)->is_of_volume(named.call(), node.value("file", ""));
    }
  EXPECT_EQ(is_ours, true);
  EXPECT_EQ(is_of_the_name, false);
  EXPECT_TRUE((*source)->answers(asking.call()).ok());
  EXPECT_TRUE((*source)->answers(asking.key.volume).ok());
  qemu.execute("blockdev-del", {{"node-name", node_name(asking.key.volume)}});
  done(hold_.lower(asking.call()));
  EXPECT_EQ(elsewhere.held_by(cluster_), "");
}

}  // namespace
}  // namespace blockplug::rbd::testing
