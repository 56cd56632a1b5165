// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/watch.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace blockplug {
namespace {
using std::chrono::milliseconds;
constexpr milliseconds kGreetingLimit{2000};  // while another client uses the monitor, QEMU does not answer
constexpr milliseconds kFirstReadLimit{10000};
constexpr milliseconds kFirstBackoff{100};
constexpr milliseconds kLastBackoff{5000};
constexpr milliseconds kUnwatchedRescan{2000};
constexpr auto kNever = std::chrono::hours(1);
constexpr std::uint32_t kInteresting =
    IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
}  // namespace

Vms::Watch::Watch(VmsOptions options, EventSink& events)
    : options_(std::move(options)), events_(events), book_(options_.book_directory) {}

Vms::Watch::~Watch() { stop(); }

Status Vms::Watch::start() {
  CHECK(!thread_.joinable());
  pattern_ = TRY(SocketPattern::parse(options_.socket_pattern));
  inotify_ = FileDescriptor(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify_.is_open())
    return no_effect(Code::Unavailable, std::string("inotify: ") + std::strerror(errno) + ": raise fs.inotify.max_user_instances");
  wakeup_ = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wakeup_.is_open()) return no_effect(Code::Unavailable, std::string("eventfd: ") + std::strerror(errno));
  is_stopping_ = false;
  for (const auto& [id, processes] : book_.living()) {
    const std::lock_guard lock(mutex_);
    for (const auto& process : processes) entry_of(id).vm->remember(process);
  }
  rescan();
  thread_ = std::thread([this] { run(); });
  return Ok{};
}

void Vms::Watch::stop() {
  if (!thread_.joinable()) return;
  is_stopping_ = true;
  wake();
  thread_.join();
  std::map<std::string, Entry> entries;
  {
    const std::lock_guard lock(mutex_);
    entries.swap(entries_);
    attempted_.clear();
  }
  for (auto& [id, entry] : entries)
    if (entry.worker.joinable()) entry.worker.join();
  for (auto& [id, entry] : entries) entry.vm->disconnect();
}

void Vms::Watch::run() {
  ::pthread_setname_np(::pthread_self(), "vm-watch");
  while (!is_stopping_) {
    if (must_rescan_) rescan();
    finish_attempts();
    Time next = care_for_all();
    if (has_unwatched_) {
      next = std::min(next, Clock::now() + kUnwatchedRescan);
      must_rescan_ = true;
    }
    wait(next);
  }
}

void Vms::Watch::rescan() {
  must_rescan_ = has_unwatched_ = false;
  std::vector<std::string> ignored;
  auto found = pattern_->scan([this](const std::string& path) { watch_directory(path); }, ignored);
  const std::lock_guard lock(mutex_);
  notes_.clear();
  for (const auto& name : ignored)
    notes_.push_back("ignored '" + name + "' in place of {vm} in " + options_.socket_pattern +
                     ": a VM id has 1 to 64 of A-Z a-z 0-9 . _ -");
  for (auto& [id, entry] : entries_) {
    if (found.contains(id)) continue;
    entry.socket.reset();
    if (!entry.vm->sight().is_connected) entry.vm->set_why("its socket is gone: " + pattern_->path_of(id));
  }
  for (auto& [id, socket] : found) {
    Entry& entry = entry_of(id);
    if (!entry.socket || !entry.socket->is_same_as(socket)) {  // a new socket: connect at once
      entry.backoff = kFirstBackoff;
      entry.next_try = Clock::now();
      if (!entry.socket && !entry.vm->sight().is_connected) entry.vm->set_why("connecting");
    }
    entry.socket = std::move(socket);
  }
}

void Vms::Watch::watch_directory(const std::string& path) {
  if (::inotify_add_watch(inotify_.get(), path.c_str(), kInteresting) < 0 && errno != ENOENT && errno != ENOTDIR)
    has_unwatched_ = true;
}

Vms::Watch::Entry& Vms::Watch::entry_of(const std::string& id) {
  Entry& entry = entries_[id];
  if (!entry.vm) {
    entry.vm = std::make_shared<Vm>(Vm::Parts{.id = id,
                                              .socket = pattern_->path_of(id),
                                              .agent_socket = pattern_->agent_path_of(id),
                                              .events = events_,
                                              .wake_watch = [this] { wake(); },
                                              .storage_answers = options_.storage_answers});
    entry.vm->set_why("connecting");
  }
  return entry;
}

void Vms::Watch::wake() const { static_cast<void>(::eventfd_write(wakeup_.get(), 1)); }

void Vms::Watch::wait(Time until) {
  std::vector<pollfd> polled{{wakeup_.get(), POLLIN, 0}, {inotify_.get(), POLLIN, 0}};
  for (const auto& vm : all())
    for (const int pidfd : vm->pidfds()) polled.push_back({pidfd, POLLIN, 0});
  const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
  ::poll(polled.data(), polled.size(), static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000)));
  eventfd_t wakeups{};
  static_cast<void>(::eventfd_read(wakeup_.get(), &wakeups));
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): the events' contents are ignored, everything is scanned
  std::array<char, 16384> buffer;
  while (::read(inotify_.get(), buffer.data(), buffer.size()) > 0) must_rescan_ = true;
}

Time Vms::Watch::care_for_all() {
  Time next = Clock::now() + kNever;
  std::vector<Entry*> entries;  // stay valid: only this thread removes entries
  {
    const std::lock_guard lock(mutex_);
    for (auto& [id, entry] : entries_) entries.push_back(&entry);
  }
  for (Entry* entry : entries) {
    entry->vm->tidy();
    bury(*entry);
    const auto sight = entry->vm->sight();
    if (sight.is_connected || entry->worker.joinable()) continue;
    if (const auto since = std::exchange(entry->connected_at, std::nullopt); since && Clock::now() - *since > kLastBackoff) {
      entry->backoff = kFirstBackoff;  // it was connected long enough to be retried at once
      entry->next_try = Clock::now();
    }
    if (entry->socket) {
      if (entry->next_try <= Clock::now())
        attempt(*entry);
      else
        next = std::min(next, entry->next_try);
    } else if (sight.others.empty()) {
      const std::string id = entry->vm->id();
      const std::shared_ptr<Vm> last = entry->vm;  // destroyed outside the lock
      const std::lock_guard lock(mutex_);
      entries_.erase(id);
    }
  }
  return next;
}

void Vms::Watch::bury(Entry& entry) {
  const auto ended = entry.vm->bury();
  for (const auto& process : ended) book_.forget(entry.vm->id(), process);
  if (!ended.empty()) events_.doubt_target(entry.vm->target());
}

void Vms::Watch::attempt(Entry& entry) {
  entry.next_try = Time::max();
  try {
    entry.worker = std::thread([this, vm = entry.vm] {
      ::pthread_setname_np(::pthread_self(), "vm-connect");
      Status status = connect(*vm);
      {
        const std::lock_guard lock(mutex_);
        attempted_.push_back({vm->id(), std::move(status)});
      }
      wake();
    });
  } catch (const std::system_error& error) {
    entry.vm->set_why(std::string("cannot start a thread to connect: ") + error.what());
    entry.next_try = Clock::now() + kLastBackoff;
  }
}

void Vms::Watch::finish_attempts() {
  std::vector<Attempted> attempted;
  {
    const std::lock_guard lock(mutex_);
    attempted.swap(attempted_);
  }
  for (const auto& [id, status] : attempted) {
    Entry& entry = entries_.at(id);
    entry.worker.join();
    if (status)
      entry.connected_at = Clock::now();
    else
      entry.vm->set_why(status.error().message);
    if (entry.next_try != Time::max()) continue;  // another socket appeared: at once
    entry.next_try = Clock::now() + entry.backoff;
    entry.backoff = std::min<Clock::duration>(entry.backoff * 2, kLastBackoff);
  }
}

// On a worker. The process is recorded before anything can be plugged into it.
Status Vms::Watch::connect(Vm& vm) {
  const auto link = vm.new_link();
  auto made = qmp::Client::connect(vm.socket(), vm.callbacks(link), Clock::now() + kGreetingLimit);
  if (!made) return std::move(made).error();
  std::shared_ptr<qmp::Client> client = std::move(made).value();
  const auto process = identify_process(client->peer().pid);
  if (!process)
    return no_effect(Code::Unavailable, vm.socket() + ": process " + std::to_string(client->peer().pid) +
                                            " created this socket but has ended, or is not visible from here");
  TRY(book_.remember(vm.id(), *process));
  vm.remember(*process);
  vm.install(link, std::move(client), *process);
  // An error is ignored here: rungs read again when they need to, and a late reply wakes them.
  static_cast<void>(vm.inventory(Vm::kAnyAge, Clock::now() + kFirstReadLimit, "connect"));
  events_.doubt_target(vm.target());
  return Ok{};
}

}  // namespace blockplug
