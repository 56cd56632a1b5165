// SPDX-License-Identifier: Apache-2.0
// The production daemon and CLI with one more kind of backend, and in each role.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "tests/volume-plugin/toy/toy_kind.h"
#include "volume-plugin/cli/run.h"
#include "volume-plugin/daemon/daemon.h"

namespace blockplug::toy {
namespace {

BackendKinds kinds_with_toys() {
  auto kinds = backend_kinds();
  kinds.push_back(toy_kind());  // the one line
  return kinds;
}

struct Ran {
  cli::ExitCode code{};
  std::string out, err;
};

class Toys : public testing::Test {
 protected:
  Toys() {
    std::string pattern = "/tmp/blockplug-toys-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~Toys() override {
    daemon_.reset();
    std::filesystem::remove_all(folder_);
  }
  Result<Config> read(const std::string& backends, const std::string& role) const {
    return parse_config("node: n1\nrole: " + role + "\nstate_dir: " + folder_ + "/state\nrun_dir: " + folder_ +
                            "/run\nvms: {sockets: \"" + folder_ + "/vms/{vm}.sock\"}\nlog: {level: error}\nbackends: " + backends +
                            "\n",
                        "f.yaml", "n1", kinds_with_toys());
  }
  Status start(const std::string& role) {
    daemon_.reset();
    const auto config = TRY(read("{box: {type: toy, things: [ball, kite]}}", role));
    daemon_ = TRY(Daemon::start(config, maker_of(kinds_with_toys())));
    return Ok{};
  }
  void started(const std::string& role) {
    const auto status = start(role);
    ASSERT_TRUE(status.ok()) << status.error().message;
  }
  Ran run(std::vector<std::string> words) const {
    words.insert(words.begin(), {"--endpoint", "unix://" + folder_ + "/run/admin.sock"});
    std::ostringstream out, err;
    const auto code = cli::run(words, {out, err, cli::Progress::Silent, {}, [] { return WallClock::now(); }});
    return {code, out.str(), err.str()};
  }
  void done(const std::vector<std::string>& words, const std::string& says = {}) const {
    const auto ran = run(words);
    EXPECT_EQ(static_cast<int>(ran.code), 0) << words.front() << ": " << ran.out << ran.err;
    EXPECT_NE(ran.out.find(says), std::string::npos) << words.front() << " should say " << says << ": " << ran.out;
  }
  std::string folder_;
  std::unique_ptr<Daemon> daemon_;
};

TEST_F(Toys, AreConfiguredByKeysOfTheirOwn) {
  const auto config = read("{box: {type: toy, things: [ball, kite]}, one: {type: toy, things: ball}}", "all");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->backends.at("box").all("things"), (std::vector<std::string>{"ball", "kite"}));
  EXPECT_EQ(config->backends.at("one").one("things"), "ball");
  EXPECT_EQ(*parse_config(to_yaml(*config), "g.yaml", "n1", kinds_with_toys()), *config) << to_yaml(*config);
  EXPECT_EQ(read("{box: {type: toy}}", "all").error().message, "f.yaml:7: backends.box: has no things; add things: [ball]");
  EXPECT_EQ(read("{box: {type: toy, thing: a}}", "all").error().message,
            "f.yaml:7: backends.box.thing: unknown key; did you mean 'things'?");
  EXPECT_EQ(read("{box: {type: toy, things: [a, B]}}", "all").error().message,
            "f.yaml:7: backends.box.things: is 'B'; a thing has small letters only");
  EXPECT_EQ(read("{box: {type: toys}}", "all").error().message,
            "f.yaml:7: backends.box.type: is 'toys'; it must be local or rbd or cinder or toy");
}

TEST_F(Toys, AreAttachedListedExplainedAndDetached) {
  started("all");
  done({"volume", "list"}, "box/kite");
  done({"attachment", "attach", "box/ball", "--vm", "a", "--wait-for-vm"}, "box/ball");
  done({"attachment", "list"}, "vm:a");
  done({"attachment", "explain", "box/ball"}, "toy-thing");
  done({"attachment", "explain", "box/ball"}, "red");
  done({"attachment", "attach", "box/kite", "--path", folder_ + "/kite", "--block"}, "box/kite");
  const auto explained = run({"attachment", "explain", "box/kite"}).out;
  const auto stage = explained.find_first_not_of(' ', explained.find("stage") + 5);
  EXPECT_EQ(explained.substr(stage, 4), "down") << "it ends at the device: " << explained;
  done({"attachment", "detach", "box/ball"});
  done({"attachment", "detach", "box/kite"});
  done({"attachment", "list"});
  EXPECT_EQ(run({"attachment", "list"}).out.find("box/"), std::string::npos);
}

// --- directories ---

// What is wrong with one that exists: somebody else could change what the daemon keeps there.
TEST_F(Toys, AreNotServedFromADirectoryThatOthersMayChange) {
  namespace files = std::filesystem;
  for (const std::string name : {"run", "state"}) {
    const auto path = folder_ + "/" + name;
    const auto refusal = [&] {
      const auto status = start("all");
      return status.ok() ? "it started" : status.error().message;
    };
    started("all");
    daemon_.reset();
    files::permissions(path, files::perms(0775));
    EXPECT_EQ(refusal(),
              name + "_dir " + path +
                  ": has mode 0775, so other users can change what is in it: look at what is in it, then run `chmod go-w` "
                  "on it, or configure another directory");
    files::permissions(path, files::perms(0755));
    ASSERT_EQ(::chown(path.c_str(), 1234, 0), 0);
    EXPECT_EQ(refusal(),
              name + "_dir " + path +
                  ": belongs to user 1234, who could change what is in it, and not to this daemon's user 0: look at what is "
                  "in it, then run `chown 0` on it, or configure another directory");
    ASSERT_EQ(::chown(path.c_str(), 0, 0), 0);
    started("all");
  }
}

TEST_F(Toys, AreServedFromADirectoryOfSystemdsWithNothingOpenBelowIt) {
  namespace files = std::filesystem;
  // RuntimeDirectory= makes it so; the others are as an earlier version made them.
  for (const char* name : {"", "/stage", "/stage/local", "/maps", "/vms", "/helpers"}) {
    files::create_directory(folder_ + "/run" + name);
    files::permissions(folder_ + "/run" + name, files::perms(0755));
  }
  started("all");
  EXPECT_EQ(files::status(folder_ + "/run").permissions(), files::perms(0755)) << "its mode is the unit's";
  for (const char* name : {"/stage", "/maps", "/vms", "/helpers"})
    EXPECT_EQ(files::status(folder_ + "/run" + name).permissions(), files::perms(0700)) << name;
  daemon_.reset();
  files::remove(folder_ + "/run/maps");
  files::create_symlink(folder_ + "/state", folder_ + "/run/maps");
  EXPECT_FALSE(start("all").ok()) << "it leads elsewhere";
  files::remove(folder_ + "/run/maps");
  ASSERT_EQ(::chown((folder_ + "/run/stage").c_str(), 1234, 0), 0);
  const auto status = start("all");
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("/run/stage: belongs to user 1234"), std::string::npos) << status.error().message;
}

// --- roles ---

// Of this process: what descriptors point to, as far as only a machine's parts open them.
std::set<std::string> descriptors_of_a_machine() {
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto what = std::filesystem::read_symlink(entry.path(), gone).string();
    for (const auto* part : {"inotify", "mountinfo"})
      if (what.find(part) != std::string::npos) found.insert(part);
  }
  return found;
}

std::ptrdiff_t threads() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator());
}

TEST_F(Toys, OfAControllerComeWithoutWhatOnlyVmsAndPathsNeed) {
  started("node");
  EXPECT_EQ(descriptors_of_a_machine(), (std::set<std::string>{"inotify", "mountinfo"}));
  const auto with_machine = threads();
  daemon_.reset();
  std::filesystem::remove_all(folder_ + "/run");
  started("controller");
  EXPECT_TRUE(descriptors_of_a_machine().empty());
  for (int tries = 0; threads() > with_machine - 4 && tries < 1000; ++tries) ::usleep(10'000);  // one may still be ending
  EXPECT_LE(threads(), with_machine - 4) << "no watchers of VMs, block devices, mounts and processes";
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/run/vms"));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/run/helpers"));
}

TEST_F(Toys, OfAControllerAreMadeListedAndDeletedAndNotAttached) {
  started("controller");
  done({"volume", "create", "drum", "--size", "1MiB"}, "box/drum");
  done({"volume", "list"}, "box/drum");
  done({"volume", "delete", "box/drum"});
  EXPECT_EQ(run({"volume", "list"}).out.find("box/drum"), std::string::npos);
  done({"vm", "list"});
  done({"doctor"}, "state directory");
  for (const auto& [where, target] :
       {std::pair{std::vector<std::string>{"--vm", "a", "--wait-for-vm"}, "vm:a"}, {{"--path", folder_ + "/p"}, "host"}}) {
    std::vector<std::string> words{"attachment", "attach", "box/ball"};
    words.insert(words.end(), where.begin(), where.end());
    const auto refused = run(words);
    EXPECT_EQ(refused.code, cli::ExitCode::Refused);
    EXPECT_NE(refused.err.find("role: controller, and attaches nothing to " + std::string(target) + ". Ask the daemon on the node"),
              std::string::npos)
        << refused.err;
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/p"));
}

TEST_F(Toys, ThatANodeAttachedAreNotTakenOverByAController) {
  started("all");
  done({"attachment", "attach", "box/ball", "--vm", "a", "--wait-for-vm"});
  const auto refused = start("controller");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message,
            "role: controller, but the store in " + folder_ +
                "/state has 1 attachments of this machine, which a controller does not look after. Detach them first, or give the "
                "controller a state_dir of its own");
  started("all");
  done({"attachment", "explain", "box/ball"}, "toy-thing");
}

}  // namespace
}  // namespace blockplug::toy
