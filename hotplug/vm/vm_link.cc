// SPDX-License-Identifier: Apache-2.0
// Vm's connection: connecting, disconnecting, and QEMU's events. See vm.h.
#include "hotplug/vm/vm_link.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hotplug/foreign_text.h"
#include "hotplug/vm/names.h"

namespace blockplug {
namespace {
constexpr std::size_t kMostNodesWithErrors = 1000;  // the names are QEMU's
}

std::shared_ptr<Vm::Link> Vm::new_link() { return std::make_shared<Link>(); }

// A client never outlives its Vm, so its callbacks may use it directly.
qmp::Callbacks Vm::callbacks(const std::shared_ptr<Link>& link) {
  return {.on_event = [this, link](const qmp::Event& event) { on_event(*link, event); },
          .on_late_reply = [this] { on_late_reply(); },
          .on_closed = [this, link](const std::string& why) { on_closed(*link, why); }};
}

void Vm::install(const std::shared_ptr<Link>& link, std::shared_ptr<qmp::Client> client, const ProcessId& process) {
  const std::lock_guard lock(mutex_);
  if (link->is_closed) {  // it ended while connecting
    ended_clients_.push_back(std::move(client));
    return;
  }
  if (last_process_ != process) {
    unplugs_.clear();
    io_errors_.clear();
    last_reset_.reset();
  }
  link_ = link;
  client_ = std::move(client);
  process_ = last_process_ = process;
  inventory_.reset();
  last_inventory_.reset();
  is_outdated_ = true;
  why_.clear();
}

void Vm::remember(const ProcessId& process) {
  auto pidfd = watch_process(process);
  const std::lock_guard lock(mutex_);
  const bool is_known =
      std::any_of(processes_.begin(), processes_.end(), [&](const Process& known) { return known.id == process; });
  if (!is_known) processes_.push_back({process, std::move(pidfd)});
}

void Vm::set_why(std::string why) {
  const std::lock_guard lock(mutex_);
  why_ = std::move(why);
}

void Vm::disconnect() {
  {
    const std::lock_guard lock(mutex_);
    if (client_) ended_clients_.push_back(std::move(client_));
    client_.reset();
    link_.reset();
    process_.reset();
    inventory_.reset();
    why_ = "the daemon is stopping";
  }
  tidy();
}

void Vm::tidy() {
  std::vector<std::shared_ptr<qmp::Client>> ended;
  const std::unique_lock lock(mutex_);
  ended.swap(ended_clients_);
}  // the lock is released first, then the readers are joined

std::vector<int> Vm::pidfds() const {
  const std::lock_guard lock(mutex_);
  std::vector<int> descriptors;
  for (const auto& known : processes_)
    if (known.pidfd.is_open()) descriptors.push_back(known.pidfd.get());
  return descriptors;
}

std::vector<ProcessId> Vm::bury() {
  const std::lock_guard lock(mutex_);
  std::vector<ProcessId> ended;
  std::erase_if(processes_, [&](const Process& known) {
    if (!is_proven_dead(known.id)) return false;
    ended.push_back(known.id);
    return true;
  });
  return ended;
}

void Vm::on_event(const Link& link, const qmp::Event& event) {
  const auto text = [&](const char* key) {
    return event.data->contains(key) && (*event.data)[key].is_string() ? (*event.data)[key].get<std::string>() : std::string{};
  };
  {
    const std::lock_guard lock(mutex_);
    if (link.is_closed) return;
    if (event.name == "STOP") run_state_ = "paused";
    if (event.name == "SHUTDOWN") run_state_ = "shutdown";
    if (event.name == "RESUME") run_state_ = "running";
    if (event.name == "RESET") last_reset_ = Clock::now();
  }
  if (event.name == "DEVICE_DELETED") {
    if (!text("device").empty()) on_device_deleted(text("device"));  // without an id: the device's backend part
  } else if (event.name == "DEVICE_UNPLUG_GUEST_ERROR") {
    const auto volume = volume_of(text("device"));
    {
      const std::lock_guard lock(mutex_);
      const auto asked = unplugs_.find(text("device"));
      if (!volume || asked == unplugs_.end()) return;  // it was not we who asked
      asked->second.refused_at = Clock::now();
    }
    events_.touch_volume(*volume);
  } else if (event.name == "BLOCK_IO_ERROR") {
    on_io_error(text("node-name"), text("operation") + ": " + text("reason"));
  } else if (event.name == "JOB_STATUS_CHANGE") {  // a job puts a filter above a node, and takes it away again
    outdate_inventory();
    if (text("status") == "running" || text("status") == "null") events_.doubt_target(target());
  } else if (event.name == "STOP" || event.name == "RESUME" || event.name == "RESET" || event.name == "SHUTDOWN") {
    outdate_inventory();  // may be a migration: the state is queried before anything is changed
    events_.doubt_target(target());
  }
}

// After our own unplug the volume is only planned again. A disk that was removed otherwise leaves a hole: probe.
void Vm::on_device_deleted(const std::string& device) {
  change_inventory([device](Inventory& inventory) { inventory.remove_disk(device); });
  const auto volume = volume_of(device);
  if (!volume) {
    outdate_inventory();  // another device freed a slot; the event does not say which
    return;
  }
  const bool was_asked = unplug_of(device).has_value();
  forget_unplug(device);
  if (was_asked)
    events_.touch_volume(*volume);
  else
    events_.doubt_attachment({*volume, target()});
}

// The guest gets each error itself (werror=report). The first one causes a probe; further ones are only counted.
void Vm::on_io_error(const std::string& node, const std::string& what) {
  std::optional<VolumeId> volume;
  {
    const std::lock_guard lock(mutex_);
    if (io_errors_.size() >= kMostNodesWithErrors && !io_errors_.contains(node)) return;
    IoErrors& errors = io_errors_[node];
    errors.last = in_a_message(what);
    if (++errors.count > 1 || !inventory_) return;
    const auto found = inventory_->nodes.find(node);
    if (found != inventory_->nodes.end()) volume = volume_of(found->second.throttle_group);
  }
  if (volume) events_.doubt_attachment({*volume, target()});
}

void Vm::on_late_reply() {
  outdate_inventory();
  events_.doubt_target(target());
}

void Vm::on_closed(Link& link, const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    link.is_closed = true;
    if (link_.get() != &link) return;
    ended_clients_.push_back(std::move(client_));  // joined by the watch, since this is its own reader thread
    client_.reset();
    link_.reset();
    process_.reset();
    inventory_.reset();
    run_state_.clear();
    why_ = "the connection to its monitor was lost: " + why;
  }
  events_.doubt_target(target());
  wake_watch_();
}

}  // namespace blockplug
