// SPDX-License-Identifier: Apache-2.0
#pragma once
// Test environments for Open and Plug: a directory with VM sockets, FakeQemus or real QEMU processes behind them, and the rungs.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "hotplug/vm/file_source.h"
#include "hotplug/vm/names.h"
#include "hotplug/vm/open.h"
#include "hotplug/vm/plug.h"
#include "hotplug/vm/vm.h"
#include "hotplug/vm/vms.h"
#include "tests/hotplug/sizes.h"
#include "tests/support/event_log.h"
#include "tests/support/fake_qemu.h"

namespace blockplug::testing {
namespace files = std::filesystem;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string path = "/tmp/vm-test-XXXXXX";
    CHECK(::mkdtemp(path.data()) != nullptr);
    path_ = path;
  }
  ~TemporaryDirectory() { files::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Makes this monitor VM web-0's, where VmBench looks for it.
inline void place_vm(const std::string& directory, const std::string& monitor) {
  files::create_directories(directory + "/vms/web-0");
  files::create_symlink(monitor, directory + "/vms/web-0/qmp.sock");
}

// A QEMU without a guest: its firmware finds nothing to boot. Killed and reaped at the end.
class RealQemu {
 public:
  RealQemu(const std::string& directory, std::vector<std::string> more = {}) : socket_(directory + "/qmp.sock") {
    files::create_directories(directory);
    std::vector<std::string> words{"qemu-system-x86_64",
                                   "-machine",
                                   "q35",
                                   "-accel",
                                   "tcg",
                                   "-m",
                                   "32",
                                   "-nodefaults",
                                   "-nographic",
                                   "-qmp",
                                   "unix:" + socket_ + ",server=on,wait=off",
                                   "-device",
                                   "pcie-root-port,id=port1,chassis=1,slot=1",
                                   "-device",
                                   "pcie-root-port,id=port2,chassis=2,slot=2"};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // it must not outlive a test program that is killed
      ::execvp(argv[0], argv.data());
      ::_exit(127);
    }
  }
  ~RealQemu() { end(); }
  RealQemu(const RealQemu&) = delete;
  RealQemu& operator=(const RealQemu&) = delete;
  void signal(int number) const { ::kill(pid_, number); }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, -1), nullptr, 0);
  }
  const std::string& socket() const { return socket_; }
  pid_t pid() const { return pid_; }

 private:
  std::string socket_;
  pid_t pid_{-1};
};

struct NoJournal : Journal {
  Status keep(const Facts&) override { return Ok{}; }
};

// The daemon's part: Vms and both rungs over <directory>/vms/{vm}/qmp.sock, volumes in <directory>.
class VmBench {
 public:
  explicit VmBench(const std::string& directory, NodeSource* source = nullptr)
      : directory_(directory),
        source_(source == nullptr ? file_source_ : *source),
        vms({directory + "/vms/{vm}/qmp.sock", directory + "/book",
             [this](const VolumeId&) {
               return is_storage_silent ? Status{no_effect(Code::Unavailable, "the storage is silent")} : Ok{};
             }},
            events) {
    const auto started = vms.start();
    EXPECT_TRUE(started.ok()) << started.error().message;
  }

  bool wait_for_vm(const std::string& id) {
    return events.wait_until([&] {
      const auto vm = vms.find(id);
      return vm && vm->sight().inventory != nullptr;
    });
  }
  std::string state_of(const std::string& id) const {
    for (const auto& state : vms.list())
      if (state.id == id) return state.state;
    return "gone";
  }

  struct Volume {
    std::string name;
    std::string vm;
    Spec spec;
    Facts below, open_before, plug_before;
    VolumeId id() const { return VolumeId("local/" + name); }
  };
  Volume make_volume(const std::string& name, const std::string& vm, std::int64_t size_bytes = kMebibyte) const {
    const std::string path = directory_ + "/" + name + ".raw";
    std::ofstream(path).close();
    files::resize_file(path, static_cast<std::uintmax_t>(size_bytes));
    Volume volume{.name = name,
                  .vm = vm,
                  .spec = {},
                  .below = {{"image.path", path}, {"image.direct", "false"}},
                  .open_before = {},
                  .plug_before = {}};
    volume.spec.size_bytes = size_bytes;
    return volume;
  }

  Attempt raise(Rung& rung, Volume& volume, Clock::duration limit = std::chrono::seconds(10)) {
    auto attempt = rung.raise(call(rung, volume, limit));
    if (const auto* done = std::get_if<Done>(&attempt)) {
      before(rung, volume) = done->facts;
      if (&rung == &open)
        for (const auto& [name, value] : done->facts) volume.below[name] = value;
    }
    return attempt;
  }
  Attempt lower(Rung& rung, Volume& volume, Clock::duration limit = std::chrono::seconds(10)) {
    return rung.lower(call(rung, volume, limit));
  }
  Finding probe(Rung& rung, Volume& volume, Clock::duration limit = std::chrono::seconds(10)) {
    return rung.probe(call(rung, volume, limit));
  }

  void attach(Volume& volume) {
    EXPECT_EQ(text(raise(open, volume)), "done");
    EXPECT_EQ(text(raise(plug, volume)), "done");
  }
  // Lowers again after each event, like the core.
  ::testing::AssertionResult detach(Volume& volume) {
    std::string last;
    const bool is_gone = events.wait_until([&] { return (last = text(lower(plug, volume))) == "done"; }) &&
                         events.wait_until([&] { return (last = text(lower(open, volume))) == "done"; });
    return is_gone ? ::testing::AssertionSuccess() : ::testing::AssertionFailure() << last;
  }
  // Like a second client of the monitor: the inventory is not updated.
  Result<nlohmann::json> as_stranger(const std::string& vm, const char* command, const nlohmann::json& arguments) {
    return vms.find(vm)->execute(command, arguments, Clock::now() + std::chrono::seconds(10), "stranger");
  }

  static std::string text(const Attempt& attempt) {
    if (std::holds_alternative<Done>(attempt)) return "done";
    if (const auto* waiting = std::get_if<Waiting>(&attempt)) return "waiting: " + waiting->for_what;
    const auto& error = std::get<Error>(attempt);
    return std::string(to_text(error.code)) + (error.effect == Effect::None ? ", none: " : ", unknown: ") + error.message;
  }

 private:
  Facts& before(Rung& rung, Volume& volume) { return &rung == &open ? volume.open_before : volume.plug_before; }
  Call call(Rung& rung, Volume& volume, Clock::duration limit) {
    return {.key = {volume.id(), TargetId("vm:" + volume.vm)},
            .rung = {},
            .spec = volume.spec,
            .leaf = nullptr,
            .below = volume.below,
            .before = before(rung, volume),
            .deadline = Clock::now() + limit,
            .stop = {},
            .operation = "test",
            .lower_reason = LowerReason::NotWanted,
            .journal = journal_};
  }
  const std::string directory_;
  NoJournal journal_;
  FileSource file_source_;
  NodeSource& source_;

 public:
  std::atomic<bool> is_storage_silent{false};
  EventLog events;
  Vms vms;
  Open open{vms, source_, "local"};
  Plug plug{vms, "local"};
};

}  // namespace blockplug::testing
