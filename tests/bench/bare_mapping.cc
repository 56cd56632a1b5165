// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/bare_mapping.h"

#include <poll.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "hotplug/host/process/process.h"

namespace blockplug::bench {
namespace {

constexpr int kEndMilliseconds = 30'000;

class ByFuse final : public BareMapping {
 public:
  ByFuse(Program storage_daemon, Program losetup, std::string options, std::string place)
      : storage_daemon_(std::move(storage_daemon)),
        losetup_(std::move(losetup)),
        options_(std::move(options)),
        place_(std::move(place)) {}

  Result<std::string> map() override {
    const auto file = place_ + "/image", notes = place_ + "/pid";
    std::ofstream{file}.close();
    TRY(storage_daemon_.run({"--daemonize", "--pidfile", notes, "--blockdev", options_, "--export",
                             "type=fuse,id=image,node-name=image,mountpoint=" + file + ",writable=on"}));
    std::ifstream{notes} >> process_;
    device_ = TRY(losetup_.run({"--find", "--show", "--direct-io=on", file}));
    return device_;
  }

  // As a script would do it: kill is part of the shell.
  Status unmap() override {
    TRY(losetup_.run({"-d", device_}));
    const auto process = identify_process(process_);
    const auto ending = process ? watch_process(*process) : FileDescriptor{};
    if (!ending.is_open()) return maybe_effect(Code::Unavailable, "the bare storage daemon has ended before it was told to");
    ::kill(process_, SIGTERM);
    pollfd ended{.fd = ending.get(), .events = POLLIN, .revents = 0};
    if (::poll(&ended, 1, kEndMilliseconds) == 1) return Ok{};
    return maybe_effect(Code::DeadlineExceeded, "the bare storage daemon does not end");
  }

  std::optional<pid_t> process() const override { return process_; }

 private:
  const Program storage_daemon_, losetup_;
  const std::string options_, place_;
  pid_t process_{};
  std::string device_;
};

class ByKrbd final : public BareMapping {
 public:
  ByKrbd(Program rbd, std::string conf, std::string image)
      : rbd_(std::move(rbd)), conf_(std::move(conf)), image_(std::move(image)) {}

  Result<std::string> map() override {
    device_ = TRY(rbd_.run({"--conf", conf_, "--id", "blockplug", "map", image_}));
    return device_;
  }
  Status unmap() override {
    TRY(rbd_.run({"--conf", conf_, "--id", "blockplug", "unmap", device_}));
    return Ok{};
  }
  std::optional<pid_t> process() const override { return std::nullopt; }

 private:
  const Program rbd_;
  const std::string conf_, image_;
  std::string device_;
};

}  // namespace

Result<std::unique_ptr<BareMapping>> map_by_fuse(const CephLab& lab, const std::string& image, const std::string& directory) {
  std::filesystem::create_directories(directory);
  const auto options = "driver=rbd,node-name=image,pool=" + lab.place().pool + ",image=" + image + ",conf=" + lab.conf() +
                       ",user=blockplug,cache.direct=on,discard=unmap";
  return std::unique_ptr<BareMapping>(
      new ByFuse(TRY(Program::find("qemu-storage-daemon")), TRY(Program::find("losetup")), options, directory));
}

Result<std::unique_ptr<BareMapping>> map_by_krbd(const CephLab& lab, const std::string& image) {
  return std::unique_ptr<BareMapping>(new ByKrbd(TRY(Program::find("rbd")), lab.conf(), lab.place().pool + "/" + image));
}

}  // namespace blockplug::bench
