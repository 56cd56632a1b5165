// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/daemon/daemon.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <future>
#include <system_error>

#include "hotplug/host/own_directory.h"
#include "hotplug/host/process/process.h"
#include "volume-plugin/doctor/doctor.h"
#include "volume-plugin/version.h"

namespace blockplug {
namespace {

// Makes crash points enumerable: a test build kills itself after its n-th commit; or, where a file is named, once that file exists,
// after as many commits as it says.
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

Status make_directory(const std::string& path, const char* what, mode_t mode) {
  for (auto slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
    ::mkdir(path.substr(0, slash).c_str(), 0755);
  if (::mkdir(path.c_str(), mode) == 0) return Ok{};
  if (errno == EEXIST) {
    auto checked = check_only_we_write(path);
    return checked.ok() ? checked : within(std::string(what) + " " + path, std::move(checked).error());
  }
  return no_effect(Code::PermissionDenied, std::string(what) + " " + path + ": cannot be created: " + std::strerror(errno));
}

// The directory itself may be open, as systemd's RuntimeDirectory= makes it. What an earlier version left open below it is closed:
// below stage/ are file systems of tenants.
Status close_what_is_ours(const std::string& run_dir) {
  for (const char* name : {"/vms", "/helpers", "/maps", "/stage"})
    if (auto closed = close_to_others(run_dir + name); !closed.ok()) return within(run_dir + name, std::move(closed).error());
  return Ok{};
}

doctor::Subject subject_of(const Config& config) {
  doctor::Subject subject;
  subject.state_dir = config.state_dir;
  subject.run_dir = config.run_dir;
  subject.vm_sockets = config.vms.sockets;
  subject.volumes.clear();
  subject.has_machine = has_machine(config.role);
  for (const auto& [name, backend] : config.backends)
    if (const auto* kind = find_kind(backend_kinds(), backend.type); kind != nullptr && !kind->directory_key.empty())
      subject.volumes[name] = backend.one(kind->directory_key);
  return subject;
}

// This machine, then what each backend says of its storage.
std::vector<doctor::Check> examine(const doctor::Subject& subject, const LadderTable& ladders) {
  auto checks = doctor::examine(subject);
  for (const auto& [name, backend] : ladders.backends())
    for (auto& each : backend->check())
      checks.push_back({.name = std::move(each.name),
                        .state = each.is_ok ? doctor::State::Ok : doctor::State::Missing,
                        .found = std::move(each.found),
                        .remedy = std::move(each.remedy),
                        .needed_for = "volumes of backend '" + name + "'"});
  return checks;
}

// What an earlier life with another role attached here would be left without anybody who looks after it.
Status check_none_attached(std::size_t attachments, const std::string& state_dir) {
  if (attachments == 0) return Ok{};
  return no_effect(Code::FailedPrecondition,
                   "role: controller, but the store in " + state_dir + " has " + std::to_string(attachments) +
                       " attachments of this machine, which a controller does not look after. Detach them first, or give the "
                       "controller a state_dir of its own");
}

constexpr const char* kMoreThreads = ": raise the limit of its tasks (systemd: TasksMax=)";

constexpr std::chrono::seconds kPatienceWithCore{5};

WorkerRunner::Options runner_options() {
  WorkerRunner::Options options;
  options.on_refused = [](const std::string& why) {
    log(Level::Warning, "blockplugd", "cannot start another thread, so steps may have to wait: " + why + kMoreThreads);
  };
  return options;
}

void log_step(const StepEnd& end) {
  const auto level = end.outcome == StepEnd::Outcome::Failed ? Level::Warning
                     : end.text.starts_with("probe")         ? Level::Debug
                                                             : Level::Info;
  if (is_enabled(level)) log(level, end.subject, end.text + " (" + std::to_string(end.took.count()) + " ms)", end.operation);
}

Metrics::About about(const Config& config) {
  Metrics::About about{version(), config.node, {}};
  for (const auto& [name, backend] : config.backends) about.backends.insert(name);
  return about;
}

}  // namespace

Daemon::Daemon(const Config& config) : config_(config), metrics_(about(config)), runner_(runner_options()) {
  if (has_machine(config.role))
    machine_.emplace(config_, events_, [this](const VolumeId& volume) { return ladders_->storage_answers(volume); });
}

Daemon::~Daemon() { stop(); }

Result<std::unique_ptr<Daemon>> Daemon::start(const Config& config, const BackendMaker& make) {
  try {
    std::unique_ptr<Daemon> daemon(new Daemon(config));
    if (auto running = daemon->run(make); !running.ok()) return running.error();
    return daemon;
  } catch (const std::system_error& error) {  // of a thread; from here on each place that starts one does without it
    return no_effect(Code::ResourceExhausted, std::string("cannot start a thread: ") + error.what() + kMoreThreads);
  }
}

Status Daemon::run(const BackendMaker& make) {
  TRY(make_directory(config_.state_dir, "state_dir", 0700));
  TRY(make_directory(config_.run_dir, "run_dir", 0711));  // QEMU, maybe as another user, reads Ceph's configuration in it
  TRY(close_what_is_ours(config_.run_dir));
  // First: fails if another daemon uses the same state.
  store_ = std::make_unique<StoreThread>(TRY(SqliteStore::open(config_.state_dir)), runner_, crash_point());
  ladders_ = std::make_unique<LadderTable>(TRY(make(config_, machine_ ? std::optional(machine_->machine()) : std::nullopt)));
  TRY(start_manager());
  TRY(start_admin());
  if (config_.has_csi()) TRY(start_csi());
  if (config_.metrics.listen != "off") start_metrics();
  return Ok{};
}

Status Daemon::start_manager() {
  VolumeManager::Options options;
  options.boot_id = this_boot();
  options.resync = config_.resync;
  options.on_step = [this](const StepEnd& end) {
    metrics_.count(end);
    log_step(end);
  };
  options.on_change = [this](const VolumeId& volume) {
    if (auto* admin = watchers_.load()) admin->changed(volume);
  };
  manager_ = std::make_unique<VolumeManager>(VolumeManager::Parts{*store_, runner_, *ladders_, options});
  events_.set(manager_.get());
  if (machine_) TRY(machine_->start());
  std::promise<Status> started;
  runner_.post([&] {
    auto status = manager_->start();
    started.set_value(status.ok() && !machine_ ? check_none_attached(manager_->list().size(), config_.state_dir) : status);
  });
  return started.get_future().get();
}

Status Daemon::start_admin() {
  Targets& targets = machine_ ? static_cast<Targets&>(*machine_) : no_targets_;
  door_ = std::make_unique<Door>(Door::Parts{*manager_, runner_, *ladders_, ladders_->backends(), targets,
                                             [this](const DoorCallEnd& end) { metrics_.count(end); }});
  admin_ = TRY(
      AdminServer::start({*door_, *manager_, runner_, [this] { return machine_ ? machine_->vms() : std::vector<VmState>{}; },
                          [this, subject = subject_of(config_)] { return examine(subject, *ladders_); }, config_.node, version(),
                          [socket = config_.admin_socket()](const std::string& who) {
                            log(Level::Warning, "blockplugd", socket + ": refused " + who + ": only root may use it");
                          }},
                         config_.admin_socket()));
  watchers_ = admin_.get();
  return Ok{};
}

Status Daemon::start_csi() {
  csi::Settings settings{.driver = config_.csi.driver,
                         .version = version(),
                         .node = config_.node,
                         .kubelet_dir = config_.csi.kubelet_dir,
                         .vm_id = config_.csi.vm_id,
                         .has_controller = config_.role != Role::Node,
                         .has_node = machine_.has_value()};
  const auto log_end = [this](const csi::CallEnd& end) {
    metrics_.count(end);
    const bool is_routine = end.method == "NodeGetVolumeStats";  // every few seconds for each volume
    const auto level = end.error ? Level::Warning : is_routine ? Level::Debug : Level::Info;
    if (is_enabled(level)) log(level, "csi", end.text, end.operation);
  };
  csi::OutOfService out_of_service;
  if (settings.has_controller && config_.kubernetes.api_server != "off") {
    const auto& given = config_.kubernetes;
    const auto url = given.api_server == "pod" ? TRY(kubernetes::url_of_pod()) : given.api_server;
    api_server_ = std::make_unique<kubernetes::ApiServer>(kubernetes::Access{url, given.token_file, given.ca_file});
    out_of_service = [this](const std::string& node, Time deadline) { return api_server_->is_out_of_service(node, deadline); };
  }
  if (const auto slash = config_.csi.socket.rfind('/'); slash != std::string::npos && slash > 0)
    TRY(make_directory(config_.csi.socket.substr(0, slash), "csi.endpoint's directory", 0700));
  csi::CsiServer::Options options{.socket = config_.csi.socket,
                                  .registration_socket = machine_ ? config_.registration_socket() : "",
                                  .warn = [](const std::string& text) { log(Level::Warning, "csi", text); },
                                  .tell = [](const std::string& text) { log(Level::Info, "csi", text); }};
  csi_ = TRY(csi::CsiServer::start({*door_, *manager_, runner_, std::move(settings), log_end, out_of_service}, std::move(options)));
  return Ok{};
}

// What a daemon does without where it cannot be: attaching volumes matters more than telling of it.
void Daemon::start_metrics() {
  const auto busy = [] { return HttpServer::Answer{.status = 503, .body = "the core thread has not answered within 5 s\n"}; };
  HttpServer::Pages pages;
  pages["/metrics"] = [this, busy] {
    const auto reading = metrics_reading();
    if (!reading) return busy();
    return HttpServer::Answer{.type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics_.text(*reading)};
  };
  pages["/healthz"] = [this, busy] { return core_answers() ? HttpServer::Answer{.body = "ok\n"} : busy(); };
  pages["/readyz"] = [this, busy] {
    if (!core_answers()) return busy();
    if (!store_->is_low_on_space()) return HttpServer::Answer{.body = "ready\n"};
    return HttpServer::Answer{.status = 503, .body = "the disk of state_dir is full: nothing new is begun until there is room\n"};
  };
  auto started = HttpServer::start(config_.metrics.listen, std::move(pages));
  if (started.ok())
    http_ = std::move(started).value();
  else
    log(Level::Warning, "blockplugd",
        "metrics are not served: " + started.error().message + "; set metrics.listen to another address, or to off");
}

bool Daemon::core_answers() {
  const auto come = std::make_shared<std::promise<void>>();
  auto has_come = come->get_future();
  runner_.post([come] { come->set_value(); });
  return has_come.wait_for(kPatienceWithCore) == std::future_status::ready;
}

// As of a second ago at most: any user of this machine may ask, as often as he likes.
std::optional<Metrics::Reading> Daemon::metrics_reading() {
  const std::lock_guard guard{reading_mutex_};
  if (last_read_at_ != Time{} && Clock::now() - last_read_at_ < std::chrono::seconds(1)) return last_reading_;
  last_reading_ = read_for_metrics();
  last_read_at_ = Clock::now();
  return last_reading_;
}

// From the core thread; nullopt: it has not come to that in time.
std::optional<Metrics::Reading> Daemon::read_for_metrics() {
  const auto read = std::make_shared<std::promise<Metrics::Reading>>();
  auto reading = read->get_future();
  runner_.post([this, read] {
    Metrics::Reading now;
    now.attachments = manager_->list();
    now.queue = manager_->queue();
    read->set_value(std::move(now));
  });
  if (reading.wait_for(kPatienceWithCore) != std::future_status::ready) return std::nullopt;
  auto now = reading.get();
  if (machine_) now.vms = machine_->vms();
  now.store_commits = store_->commits();
  now.failed_store_commits = store_->failed_commits();
  now.is_store_low_on_space = store_->is_low_on_space();
  return now;
}

void Daemon::stop() {
  if (std::exchange(is_stopped_, true)) return;
  http_.reset();
  if (csi_) csi_->stop(Clock::now() + std::chrono::seconds(1));
  if (admin_) admin_->stop(Clock::now() + std::chrono::seconds(1));
  if (manager_) {
    std::promise<void> stopped;
    runner_.post([&] {
      manager_->stop();
      stopped.set_value();
    });
    stopped.get_future().get();
  }
  if (machine_) machine_->stop();
  runner_.stop();  // nobody calls anybody after this
  events_.set(nullptr);
}

}  // namespace blockplug
