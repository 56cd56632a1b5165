// SPDX-License-Identifier: Apache-2.0
#pragma once
// For services over a channel inside this process: gRPC's threads post; everything else happens on the test's thread, when the test
// waits for a call, and time passes when the test says so.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>

#include "tests/attach-detach/inline_runner.h"

namespace blockplug::test {

// What comes from other threads waits until the test's thread takes it.
class PostedRunner : public Runner {
 public:
  explicit PostedRunner(InlineRunner& core) : core_(core) {}
  void post(std::function<void()> task) override {
    const std::lock_guard lock{mutex_};
    posted_.push_back(std::move(task));
    is_posted_.notify_all();
  }
  void start(Job job) override {
    post([this, job = std::move(job)]() mutable { core_.start(std::move(job)); });
  }
  using Runner::at;
  void at(Time time, std::function<void()> task, const Whose&) override {
    post([this, time = time + ahead_, task = std::move(task)]() mutable { core_.at(time, std::move(task)); });
  }
  Time now() const override { return core_.now(); }
  WallClock::time_point wall() const override { return core_.wall(); }

  // All that is there, with what it leads to.
  void run() {
    for (auto tasks = take(std::chrono::seconds(0)); !tasks.empty(); tasks = take(std::chrono::seconds(0))) run(tasks);
    core_.run();
  }
  bool run_when_posted() {
    auto tasks = take(std::chrono::seconds(60));
    if (tasks.empty()) return false;
    run(tasks);
    return true;
  }

 private:
  std::deque<std::function<void()>> take(std::chrono::seconds patience) {
    std::unique_lock lock{mutex_};
    is_posted_.wait_for(lock, patience, [&] { return !posted_.empty(); });
    return std::exchange(posted_, {});
  }
  void run(const std::deque<std::function<void()>>& tasks) {
    for (const auto& task : tasks) task();
    core_.run();
  }
  InlineRunner& core_;
  const std::chrono::nanoseconds ahead_{core_.now() - Clock::now()};  // deadlines of calls are of the real clock
  std::mutex mutex_;
  std::condition_variable is_posted_;
  std::deque<std::function<void()>> posted_;
};

// A call that was begun, on a thread of its own; `is_over` on the test's.
template <typename Response>
struct BegunCall {
  grpc::ClientContext context;
  Response response;
  grpc::Status status;
  bool is_over{};
  std::future<void> thread;
};

// Calls of one service's stub.
template <typename Stub>
class Caller {
 public:
  template <typename Request, typename Response>
  using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

  Caller(PostedRunner& posted, Stub& stub) : posted_(posted), stub_(stub) {}
  template <typename Request, typename Response>
  std::unique_ptr<BegunCall<Response>> begin(Method<Request, Response> method, const Request& request,
                                             std::chrono::seconds patience = std::chrono::seconds(600)) {
    auto calling = std::make_unique<BegunCall<Response>>();
    calling->context.set_deadline(std::chrono::system_clock::now() + patience);
    calling->thread = std::async(std::launch::async, [this, calling = calling.get(), method, request] {
      calling->status = (stub_.*method)(&calling->context, request, &calling->response);
      posted_.post([calling] { calling->is_over = true; });
    });
    return calling;
  }
  template <typename Response>
  void wait(BegunCall<Response>& calling) {
    while (!calling.is_over)
      if (!posted_.run_when_posted()) {
        ADD_FAILURE() << "the call does not end";
        calling.context.TryCancel();
      }
  }
  template <typename Request, typename Response>
  std::pair<grpc::Status, Response> call(Method<Request, Response> method, const Request& request) {
    auto calling = begin(method, request);
    wait(*calling);
    return {calling->status, calling->response};
  }

 private:
  PostedRunner& posted_;
  Stub& stub_;
};

}  // namespace blockplug::test
