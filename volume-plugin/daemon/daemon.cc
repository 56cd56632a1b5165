// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/daemon/daemon.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <future>

#include "volume-plugin/doctor/doctor.h"

namespace blockplug {
namespace {

std::string boot_id() {
  std::string id;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), id);
  return id;
}

// "kill -9 at every step" can be enumerated: a test build ends itself after its n-th commit; or, where a file is named, once that is
// there, after as many as it says.
std::function<bool()> crash_point() {
#ifdef BLOCKPLUG_TEST_BUILD
  const char* text = std::getenv("BLOCKPLUG_CRASH_AT");
  if (text != nullptr && *text == '/')
    return [file = std::string(text)] {
      int left{};
      if (!(std::ifstream(file) >> left)) return false;
      if (left <= 1) return ::unlink(file.c_str()) == 0;
      std::ofstream(file) << left - 1;
      return false;
    };
  if (text != nullptr) return [left = std::atoi(text)]() mutable { return --left == 0; };
#endif
  return {};
}

Status make_directory(const std::string& path, const char* what) {
  for (auto slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
    ::mkdir(path.substr(0, slash).c_str(), 0755);
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return Ok{};
  return no_effect(Code::PermissionDenied, std::string(what) + " " + path + ": cannot be made: " + std::strerror(errno));
}

doctor::Subject subject_of(const Config& config) {
  doctor::Subject subject;
  subject.state_dir = config.state_dir;
  subject.run_dir = config.run_dir;
  subject.vm_sockets = config.vms.sockets;
  subject.volumes.clear();
  for (const auto& [name, backend] : config.backends)
    if (const auto* local = std::get_if<LocalBackendConfig>(&backend)) subject.volumes[name] = local->path;
  return subject;
}

void log_step(const StepEnd& end) {
  const auto level = end.outcome == StepEnd::Outcome::Failed ? Level::Warning
                     : end.text.starts_with("probe")         ? Level::Debug
                                                             : Level::Info;
  if (is_enabled(level)) log(level, end.subject, end.text + " (" + std::to_string(end.took.count()) + " ms)", end.operation);
}

}  // namespace

void EventRelay::set(EventSink* sink) {
  const std::unique_lock lock{mutex_};
  sink_ = sink;
}
void EventRelay::touch_volume(const VolumeId& volume) {
  const std::shared_lock lock{mutex_};
  if (sink_ != nullptr) sink_->touch_volume(volume);
}
void EventRelay::doubt_volume(const VolumeId& volume) {
  const std::shared_lock lock{mutex_};
  if (sink_ != nullptr) sink_->doubt_volume(volume);
}
void EventRelay::doubt_target(const TargetId& target) {
  const std::shared_lock lock{mutex_};
  if (sink_ != nullptr) sink_->doubt_target(target);
}

Status VmSockets::check_present(const std::string& vm) const {
  if (vms_.has_socket(vm)) return Ok{};
  auto path = pattern_;
  path.replace(path.find("{vm}"), 4, vm);
  return no_effect(Code::NotFound, "VM " + vm + ": no QMP socket at " + path + ". Start the VM first, or use --wait-for-vm");
}

Daemon::Daemon(const Config& config)
    : config_(config),
      vms_({.socket_pattern = config.vms.sockets,
            .book_directory = config.run_dir + "/vms",
            .storage_answers = [this](const VolumeId& volume) { return ladders_->storage_answers(volume); }},
           events_),
      vm_sockets_(vms_, config.vms.sockets),
      helper_(doctor::beside_this_program("blockplug-helper"), config.run_dir + "/helpers"),
      block_events_(events_),
      mount_watch_(events_),
      processes_(events_) {}

Daemon::~Daemon() { stop(); }

Result<std::unique_ptr<Daemon>> Daemon::start(const Config& config, const BackendMaker& make) {
  std::unique_ptr<Daemon> daemon(new Daemon(config));
  if (auto running = daemon->run(make); !running.ok()) return running.error();
  return daemon;
}

Status Daemon::run(const BackendMaker& make) {
  TRY(make_directory(config_.state_dir, "state_dir"));
  TRY(make_directory(config_.run_dir, "run_dir"));
  // First of all: it refuses where another daemon uses the same state.
  store_ = std::make_unique<StoreThread>(TRY(SqliteStore::open(config_.state_dir)), runner_, crash_point());
  ladders_ = std::make_unique<LadderTable>(TRY(make(config_, {vms_, events_, helper_, block_events_, mount_watch_, processes_})));
  VolumeManager::Options options;
  options.boot_id = boot_id();
  options.resync = config_.resync;
  options.on_step = log_step;
  options.on_change = [this](const VolumeId& volume) {
    if (auto* admin = watchers_.load()) admin->changed(volume);
  };
  manager_ = std::make_unique<VolumeManager>(VolumeManager::Parts{*store_, runner_, *ladders_, options});
  events_.set(manager_.get());
  TRY(vms_.start());
  TRY(block_events_.start());
  TRY(mount_watch_.start());
  TRY(processes_.start());
  std::promise<Status> started;
  runner_.post([&] { started.set_value(manager_->start()); });
  TRY(started.get_future().get());
  door_ = std::make_unique<Door>(Door::Parts{*manager_, runner_, ladders_->backends(), vm_sockets_});
  admin_ = TRY(AdminServer::start({*door_, *manager_, runner_, [this] { return vms_.list(); },
                                   [subject = subject_of(config_)] { return doctor::examine(subject); }, config_.node, BLOCKPLUG_VERSION},
                                  config_.admin_socket()));
  watchers_ = admin_.get();
  return Ok{};
}

void Daemon::stop() {
  if (std::exchange(is_stopped_, true)) return;
  if (admin_) admin_->stop(Clock::now() + std::chrono::seconds(1));
  if (manager_) {
    std::promise<void> stopped;
    runner_.post([&] {
      manager_->stop();
      stopped.set_value();
    });
    stopped.get_future().get();
  }
  block_events_.stop();
  mount_watch_.stop();
  processes_.stop();
  vms_.stop();     // commands in progress return now
  runner_.stop();  // nobody calls anybody after this
  events_.set(nullptr);
}

}  // namespace blockplug
