// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/vm.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hotplug/vm/inventory_reader.h"
#include "hotplug/vm/vm_link.h"

namespace blockplug {

Vm::Vm(Parts parts)
    : id_(std::move(parts.id)),
      socket_(std::move(parts.socket)),
      agent_socket_(std::move(parts.agent_socket)),
      events_(parts.events),
      wake_watch_(std::move(parts.wake_watch)),
      storage_answers_(std::move(parts.storage_answers)) {}

Vm::~Vm() { disconnect(); }

Vm::Sight Vm::sight() const {
  const std::lock_guard lock(mutex_);
  Sight sight{.is_connected = client_ != nullptr,
              .is_stalled = client_ != nullptr && client_->is_stalled(),
              .process = process_,
              .others = {},
              .run_state = run_state_,
              .why = why_,
              .inventory = inventory_};
  for (const auto& known : processes_)
    if (known.id != process_ && !is_proven_dead(known.id)) sight.others.push_back(known.id);
  return sight;
}

Result<nlohmann::json> Vm::execute(std::string_view command, const nlohmann::json& arguments, Time deadline,
                                   std::string_view operation, int descriptor) {
  std::shared_ptr<qmp::Client> client;
  {
    const std::lock_guard lock(mutex_);
    if (!client_) return no_effect(Code::Unavailable, "VM " + id_ + " is not connected: " + why_);
    client = client_;
  }
  auto reply = client->execute(command, arguments, deadline, operation, descriptor);
  if (!reply && reply.error().effect == Effect::Unknown) outdate_inventory();
  return reply;
}

Result<std::shared_ptr<const Inventory>> Vm::inventory(Clock::duration oldest, Time deadline, std::string_view operation) {
  std::unique_lock lock(mutex_);
  if (!read_ended_.wait_until(lock, deadline, [this] { return !is_reading_; }))
    return no_effect(Code::DeadlineExceeded,
                     "VM " + id_ + " is busy with another operation's query; this operation timed out waiting for it");
  if (!client_) return no_effect(Code::Unavailable, "VM " + id_ + " is not connected: " + why_);
  if (inventory_ && !is_outdated_ && (oldest == kAnyAge || Clock::now() - inventory_->read_at <= oldest)) return inventory_;
  return read(std::move(lock), deadline, operation);
}

Status Vm::storage_answers(const VolumeId& volume) const { return storage_answers_ ? storage_answers_(volume) : Status{Ok{}}; }

Result<std::shared_ptr<const Inventory>> Vm::inventory_since(Time since, Time deadline, std::string_view operation) {
  std::unique_lock lock(mutex_);
  if (!read_ended_.wait_until(lock, deadline, [this] { return !is_reading_; }))
    return no_effect(Code::DeadlineExceeded,
                     "VM " + id_ + " is busy with another operation's query; this operation timed out waiting for it");
  if (!client_) return no_effect(Code::Unavailable, "VM " + id_ + " is not connected: " + why_);
  if (inventory_ && !is_outdated_ && inventory_->read_at >= since) return inventory_;
  if (failed_ && failed_->began >= since && failed_->link == link_) return failed_->error;
  return read(std::move(lock), deadline, operation);
}

// Commands and events during a reading are collected and applied to its result: applying one to a reading that already includes it
// changes nothing.
Result<std::shared_ptr<const Inventory>> Vm::read(std::unique_lock<std::mutex> lock, Time deadline, std::string_view operation) {
  const auto link = link_;
  const auto known = last_inventory_;
  const auto began = Clock::now();
  is_reading_ = true;
  is_outdated_ = false;
  changes_while_reading_.clear();
  lock.unlock();
  const AskQemu ask = [&](std::string_view command, const nlohmann::json& arguments) {
    return execute(command, arguments, deadline, operation);
  };
  auto fresh = read_inventory(ask, known.get(), storage_answers_);
  lock.lock();
  is_reading_ = false;
  read_ended_.notify_all();
  if (!fresh || link != link_) {
    is_outdated_ = true;
    if (!fresh) {
      failed_ = {began, within("VM " + id_ + ": reading its devices", std::move(fresh).error()), link};
      return failed_->error;
    }
    return no_effect(Code::Unavailable, "VM " + id_ + " was disconnected while its devices were read");
  }
  failed_.reset();
  run_state_ = fresh->run_state;
  for (const auto& change : changes_while_reading_) change(*fresh);
  std::erase_if(unplugs_, [&](const auto& unplug) { return !fresh->disks.contains(unplug.first); });
  inventory_ = std::make_shared<const Inventory>(std::move(*fresh));
  last_inventory_ = inventory_;
  return inventory_;
}

void Vm::change_inventory(const std::function<void(Inventory&)>& change) {
  const std::lock_guard lock(mutex_);
  if (is_reading_) changes_while_reading_.push_back(change);
  if (!inventory_) return;
  auto changed = std::make_shared<Inventory>(*inventory_);
  change(*changed);
  last_inventory_ = inventory_ = std::move(changed);
}

void Vm::outdate_inventory() {
  const std::lock_guard lock(mutex_);
  is_outdated_ = true;
}

void Vm::note_unplug(const std::string& device) {
  const std::lock_guard lock(mutex_);
  unplugs_.try_emplace(device).first->second.refused_at.reset();
}

void Vm::forget_unplug(const std::string& device) {
  const std::lock_guard lock(mutex_);
  unplugs_.erase(device);
}

std::optional<Vm::Unplug> Vm::unplug_of(const std::string& device) const {
  const std::lock_guard lock(mutex_);
  const auto found = unplugs_.find(device);
  return found == unplugs_.end() ? std::nullopt : std::optional(found->second);
}

std::string Vm::io_errors_of(const std::string& node) const {
  const std::lock_guard lock(mutex_);
  const auto found = io_errors_.find(node);
  if (found == io_errors_.end()) return {};
  return std::to_string(found->second.count) + " I/O errors, the last: " + found->second.last;
}

void Vm::forget_io_errors(const std::string& node) {
  const std::lock_guard lock(mutex_);
  io_errors_.erase(node);
}

std::optional<Time> Vm::last_reset() const {
  const std::lock_guard lock(mutex_);
  return last_reset_;
}

}  // namespace blockplug
