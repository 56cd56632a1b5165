// SPDX-License-Identifier: Apache-2.0
#include "tests/hotplug/host/loop/loop_world.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <sstream>

#include "hotplug/host/file_descriptor.h"
#include "hotplug/rungs.h"
#include "tests/support/paths.h"

namespace blockplug::testing {
namespace fs = std::filesystem;

Ran run(const std::string& command) {
  Ran ran;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  char buffer[4096];
  while (const auto size = std::fread(buffer, 1, sizeof buffer, pipe)) ran.output.append(buffer, size);
  ran.exit_code = WEXITSTATUS(::pclose(pipe));
  if (ran.output.ends_with('\n')) ran.output.pop_back();
  return ran;
}

ElsewhereMounted::ElsewhereMounted(const std::string& device, const std::string& directory) {
  int ready[2];
  EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  pid_ = ::fork();
  if (pid_ == 0) {
    const bool is_mounted = ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                            ::mount(device.c_str(), directory.c_str(), "ext4", 0, nullptr) == 0;
    const char answer = is_mounted ? 'y' : 'n';
    if (::write(ready[1], &answer, 1) != 1) ::_exit(1);
    for (;;) ::pause();  // until killed
  }
  ::close(ready[1]);
  char answer = 0;
  EXPECT_EQ(::read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y') << "it could not be mounted in a namespace of its own";
  ::close(ready[0]);
}
ElsewhereMounted::~ElsewhereMounted() { end(); }
void ElsewhereMounted::end() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(std::exchange(pid_, 0), nullptr, 0);
}

LoopWorld::LoopWorld() {
  auto path = fs::canonical(::testing::TempDir()).native() + "/loop-XXXXXX";
  EXPECT_NE(::mkdtemp(path.data()), nullptr);
  directory_ = path;
  helper_ = std::make_unique<Helper>(blockplug::testing::program("blockplug-helper"), directory_ / "book");
  map_ = make_map();
}

LoopWorld::~LoopWorld() {
  const auto clean_up = [&](const std::string& list, const std::string& end) {
    std::istringstream names(run(list).output);
    for (std::string name; names >> name;) {
      ADD_FAILURE() << "left behind: " << name;
      run(end + " " + name);
    }
  };
  clean_up("grep -o '" + directory_.native() + "[^ ]*' /proc/self/mountinfo", "umount -l");
  clean_up("losetup -l -n -O NAME,BACK-FILE | grep '" + directory_.native() + "' | cut -d' ' -f1", "losetup -d");
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child or a zombie was left behind";
  fs::remove_all(directory_);
}

std::string LoopWorld::make_file(const std::string& name, std::int64_t size_bytes) {
  const auto path = (directory_ / name).native();
  EXPECT_EQ(run("truncate -s " + std::to_string(size_bytes) + " " + path).exit_code, 0);
  return path;
}

std::string LoopWorld::mount_point(const std::string& name) {
  fs::create_directories(directory_ / name);
  return directory_ / name;
}

void LoopWorld::hold(const std::string& file, Access access) {
  struct stat status {};
  EXPECT_EQ(::stat(file.c_str(), &status), 0);
  spec_.access = access;
  spec_.size_bytes = status.st_size;
  below_ = {{"image.path", file},
            {"image.id", "file:" + std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino)},
            {"image.direct", "false"}};
}

Call LoopWorld::call(LowerReason because) {
  return Call{.key = key_,
              .rung = {rungs::kMap, {}},
              .spec = spec_,
              .below = below_,
              .before = before_,
              .deadline = Clock::now() + std::chrono::seconds(60),
              .stop = {},
              .operation = "test",
              .lower_reason = because,
              .journal = journal_};
}

std::unique_ptr<LoopMap> LoopWorld::make_map(const std::string& node) {
  return std::make_unique<LoopMap>(LoopMap::Parts{.helper = *helper_,
                                                  .events = events_,
                                                  .owner = node + " " + directory_.native(),  // tests run in parallel
                                                  .volume_of = [this](const loop::LoopDevice& device) -> std::optional<VolumeId> {
                                                    if (!device.file.starts_with(directory_.native())) return std::nullopt;
                                                    return VolumeId("local/" + fs::path(device.file).filename().native());
                                                  }});
}

Facts LoopWorld::raise(LoopMap& map) { return before_ = done(map.raise(call())); }

std::string LoopWorld::raised() { return raise(*map_)["device.path"]; }

Facts LoopWorld::verb(const std::string& name, Facts arguments) {
  const auto answer = loop::verbs().at(name)(arguments);
  if (!answer.ok()) ADD_FAILURE() << answer.error().message;
  return answer.ok() ? *answer : Facts{};
}

Error LoopWorld::verb_error(const std::string& name, Facts arguments) {
  const auto answer = loop::verbs().at(name)(arguments);
  if (answer.ok()) ADD_FAILURE() << name << " succeeded";
  return answer.ok() ? Error{} : answer.error();
}

std::vector<std::string> LoopWorld::devices_over(const std::string& file) const {
  std::istringstream names(run("losetup -n -O NAME -j " + file).output);
  std::vector<std::string> found;
  for (std::string name; names >> name;) found.push_back(name);
  return found;
}

bool may_write(const std::string& device) {
  const FileDescriptor fd(::open(device.c_str(), O_RDWR | O_CLOEXEC));
  return fd.is_open() && ::write(fd.get(), "written", 7) == 7 && ::fsync(fd.get()) == 0;
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

}  // namespace blockplug::testing
