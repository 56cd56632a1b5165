// SPDX-License-Identifier: Apache-2.0
#pragma once
// The production Store: SqliteStore on a thread of its own. All commits that wait when it comes around become one transaction.
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "attach-detach/runner.h"
#include "attach-detach/sqlite_store.h"

namespace blockplug {

class StoreThread : public Store {
 public:
  // What is not urgent waits at most this long for company.
  static constexpr std::chrono::milliseconds kLinger{20};
  // While the disk is full, nobody may commit anything: then it looks for room this often.
  static constexpr std::chrono::milliseconds kLookForRoom{1000};
  // `is_to_crash` is asked after each commit whether the process is to end itself there, with SIGKILL; none but in a test build.
  StoreThread(std::unique_ptr<SqliteStore> file, Runner& runner, std::function<bool()> is_to_crash = {});
  ~StoreThread() override;  // writes what was given, then ends

  Result<Saved> load() override;
  void commit(Changes changes, Urgency urgency, std::function<void(Status)> told) override;
  Status keep(Change change) override;
  bool is_low_on_space() const override { return is_low_on_space_; }

  // Transactions since the start.
  std::uint64_t commits() const { return commits_; }
  std::uint64_t failed_commits() const { return failed_commits_; }

 private:
  struct Batch {
    Changes changes;
    Urgency urgency{};
    bool is_for_worker{};  // told on the store thread, to a worker that blocks
    std::function<void(Status)> told;
  };
  void run();
  void wait_for_room(std::unique_lock<std::mutex>& lock);
  void write(std::deque<Batch> batches);

  std::unique_ptr<SqliteStore> file_;
  Runner& runner_;
  const std::function<bool()> is_to_crash_;
  std::atomic<bool> is_low_on_space_{};
  std::atomic<std::uint64_t> commits_{}, failed_commits_{};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> waiting_;
  bool is_urgent_{};
  bool is_ending_{};
  std::thread thread_;
};

}  // namespace blockplug
