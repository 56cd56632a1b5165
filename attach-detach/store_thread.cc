// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/store_thread.h"

#include <signal.h>
#include <unistd.h>

#include <future>

namespace blockplug {

StoreThread::StoreThread(std::unique_ptr<SqliteStore> file, Runner& runner, std::function<bool()> is_to_crash)
    : file_(std::move(file)), runner_(runner), is_to_crash_(std::move(is_to_crash)), is_low_on_space_(file_->is_low_on_space()) {
  thread_ = std::thread([this] { run(); });
}

StoreThread::~StoreThread() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

// Before anything was committed, so the thread is idle and the file free.
Result<Saved> StoreThread::load() { return file_->load(); }

void StoreThread::commit(Changes changes, Urgency urgency, std::function<void(Status)> told) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({std::move(changes), urgency, false, std::move(told)});
    is_urgent_ = is_urgent_ || urgency == Urgency::Now;
  }
  changed_.notify_one();
}

Status StoreThread::keep(Change change) {
  auto promise = std::make_shared<std::promise<Status>>();
  auto kept = promise->get_future();
  {
    const std::lock_guard lock(mutex_);
    Changes one;
    one.push_back(std::move(change));
    waiting_.push_back({std::move(one), Urgency::Now, true, [promise](Status status) { promise->set_value(std::move(status)); }});
    is_urgent_ = true;
  }
  changed_.notify_one();
  return kept.get();
}

void StoreThread::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    if (is_low_on_space_) wait_for_room(lock);
    changed_.wait(lock, [&] { return is_ending_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    if (!is_to_crash_) changed_.wait_for(lock, kLinger, [&] { return is_ending_ || is_urgent_; });
    auto batches = std::exchange(waiting_, {});
    is_urgent_ = false;
    lock.unlock();
    write(std::move(batches));
    lock.lock();
  }
}

// Until there is something to write, or room again.
void StoreThread::wait_for_room(std::unique_lock<std::mutex>& lock) {
  while (is_low_on_space_ && !changed_.wait_for(lock, kLookForRoom, [&] { return is_ending_ || !waiting_.empty(); })) {
    lock.unlock();
    is_low_on_space_ = !file_->regain_reserve();
    lock.lock();
  }
}

void StoreThread::write(std::deque<Batch> batches) {
  Changes all;
  for (auto& batch : batches) std::move(batch.changes.begin(), batch.changes.end(), std::back_inserter(all));
  const auto status = file_->apply(all);
  is_low_on_space_ = file_->is_low_on_space();
  ++(status.ok() ? commits_ : failed_commits_);
  if (status.ok() && is_to_crash_ && is_to_crash_()) ::kill(::getpid(), SIGKILL);
  for (auto& batch : batches) {
    if (!batch.told) continue;
    if (batch.is_for_worker)
      batch.told(status);
    else
      runner_.post([told = std::move(batch.told), status] { told(status); });
  }
}

}  // namespace blockplug
