// SPDX-License-Identifier: Apache-2.0
#include "tests/ceph/ceph_world.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>

#include "ceph/key.h"
#include "tests/support/paths.h"

namespace blockplug::rbd::testing {
namespace {
namespace fs = std::filesystem;

class SharedCeph : public ::testing::Environment {
 public:
  void SetUp() override {
    auto path = (fs::path{::testing::TempDir()} / "blockplug-ceph-XXXXXX").native();
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    directory_ = path;
    const auto started = run({blockplug::testing::source_path("tests/lab/ceph"), "start", path, "--watch-timeout", "20"});
    ASSERT_EQ(started.exit_code, 0) << started.output;
  }
  void TearDown() override {
    const auto key = our_key();
    for (const auto& log : fs::directory_iterator(directory_ / "log")) {
      std::ifstream file{log.path()};
      const std::string text{std::istreambuf_iterator<char>{file}, {}};
      EXPECT_EQ(text.find(key), std::string::npos) << "the key is in " << log.path();
    }
    const auto stopped = run({blockplug::testing::source_path("tests/lab/ceph"), "stop", directory_});
    EXPECT_EQ(stopped.exit_code, 0) << stopped.output;
    EXPECT_FALSE(fs::exists(directory_));
  }
  const fs::path& directory() const { return directory_; }

 private:
  fs::path directory_;
};

SharedCeph* const shared = static_cast<SharedCeph*>(::testing::AddGlobalTestEnvironment(new SharedCeph));

pid_t pid_in(const fs::path& file) {
  pid_t pid{};
  std::ifstream{file} >> pid;
  EXPECT_GT(pid, 1) << file;
  return pid;
}

std::vector<std::string> before(std::vector<std::string> arguments, std::initializer_list<std::string> first) {
  arguments.insert(arguments.begin(), first);
  return arguments;
}
}  // namespace

Ran run(const std::vector<std::string>& command) {
  int pipe[2];
  EXPECT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, pipe[1], 1);
  ::posix_spawn_file_actions_adddup2(&actions, pipe[1], 2);
  std::vector<char*> arguments;
  for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_t pid{};
  const int spawned = ::posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(pipe[1]);
  Ran ran;
  EXPECT_EQ(spawned, 0) << command.front();
  char buffer[4096];
  for (ssize_t size; (size = ::read(pipe[0], buffer, sizeof buffer)) > 0;)
    ran.output.append(buffer, static_cast<std::size_t>(size));
  ::close(pipe[0]);
  int status{};
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  ran.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (ran.output.ends_with('\n')) ran.output.pop_back();
  return ran;
}

const fs::path& ceph_directory() { return shared->directory(); }
pid_t monitor_pid() { return pid_in(ceph_directory() / "run/mon.a.pid"); }
pid_t osd_pid() { return pid_in(ceph_directory() / "run/osd.0.pid"); }

std::string monitor_address() {
  std::ifstream file{ceph_directory() / "blockplug.conf"};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  const auto start = text.find("[v2:") + 4;
  return text.substr(start, text.find(',', start) - start);
}

Ran ceph(std::vector<std::string> arguments) {
  return run(before(std::move(arguments), {"ceph", "-c", ceph_directory() / "ceph.conf"}));
}
Ran rbd_program(std::vector<std::string> arguments) {
  return run(before(std::move(arguments), {"rbd", "-c", ceph_directory() / "ceph.conf"}));
}

ClusterOptions our_options() { return {.conf = ceph_directory() / "blockplug.conf", .user = "blockplug"}; }
std::string our_key() { return key_from_keyrings(ceph_directory() / "blockplug.keyring", "blockplug")->reveal(); }

namespace {
// When kill returns, the signal is only sent: a running thread continues for a moment.
bool all_threads_stopped(pid_t pid) {
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    std::ifstream file{thread.path() / "stat"};
    std::string text;
    std::getline(file, text);
    if (const auto end = text.rfind(") "); end == std::string::npos || text[end + 2] != 'T') return false;
  }
  return true;
}
}  // namespace

Stopped::Stopped(pid_t pid) : pid_(pid) {
  EXPECT_EQ(::kill(pid_, SIGSTOP), 0);
  EXPECT_TRUE(comes_true([&] { return all_threads_stopped(pid_); }));
}
Stopped::~Stopped() { EXPECT_EQ(::kill(pid_, SIGCONT), 0); }

CephTest::CephTest()
    : name_space_(std::string{"n"} + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) +
                  ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
  const auto made = rbd_program({"namespace", "create", "volumes/" + name_space_});
  EXPECT_EQ(made.exit_code, 0) << made.output;
}

void CephTest::TearDown() {
  const auto status = rbd_program({"ls", "volumes/" + name_space_});
  EXPECT_EQ(status.exit_code, 0) << status.output;
}

Facts done(const Attempt& attempt) {
  if (const auto* error = std::get_if<Error>(&attempt)) ADD_FAILURE() << to_text(error->code) << " " << error->message;
  if (const auto* waiting = std::get_if<Waiting>(&attempt)) ADD_FAILURE() << "waits for " << waiting->for_what;
  const auto* done = std::get_if<Done>(&attempt);
  return done ? done->facts : Facts{};
}

Error error(const Attempt& attempt) {
  const auto* error = std::get_if<Error>(&attempt);
  EXPECT_NE(error, nullptr) << "no error";
  if (error == nullptr) return {};
  EXPECT_EQ(error->message.find(our_key()), std::string::npos) << "the key is in an error";
  return *error;
}

void expect_text(const std::string& message, const std::string& part) {
  EXPECT_NE(message.find(part), std::string::npos) << "'" << part << "' is not in: " << message;
}

bool comes_true(const std::function<bool()>& condition) {
  const auto end = Clock::now() + std::chrono::minutes{1};
  while (!condition()) {
    if (Clock::now() > end) return false;
    ::poll(nullptr, 0, 50);
  }
  return true;
}

}  // namespace blockplug::rbd::testing
