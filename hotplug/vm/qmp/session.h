// SPDX-License-Identifier: Apache-2.0
#pragma once
// The implementation of Client: one command in flight, callers that take turns, and the reader thread.
//
//   in flight:  none ──execute──▶ sending ──▶ unanswered ──reply──▶ none
//                                    │             │
//                                    │          deadline ──▶ abandoned (= stalled) ──late reply──▶ none
//                              deadline, nothing sent ──▶ none
//
// Callers send what the kernel takes at once; the reader sends the rest, and reads. mutex_ guards everything that both use; it is
// not held during blocking calls and callbacks.
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "hotplug/host/file_descriptor.h"
#include "hotplug/vm/qmp/client.h"
#include "hotplug/vm/qmp/codec.h"
#include "hotplug/vm/qmp/monitor_socket.h"
#include "hotplug/vm/qmp/negotiation.h"

namespace blockplug::qmp {

class Client::Session {
 public:
  Session(Negotiated connection, FileDescriptor wakeup, Callbacks callbacks);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  void start();  // call once; throws std::system_error if no thread can be created

  Peer peer() const { return connection_.peer; }
  Result<nlohmann::json> execute(std::string_view command, const nlohmann::json& arguments, Time deadline,
                                 std::string_view operation, int descriptor);
  bool is_stalled() const;
  bool is_closed() const;

 private:
  using Lock = std::unique_lock<std::mutex>;
  enum class Waiter : std::uint8_t { There, Gone };
  struct InFlight {
    std::string command;  // its name
    std::string id;
    std::string bytes;
    int descriptor{-1};  // goes with the first byte, so the caller is still there
    std::size_t sent{};
    Waiter waiter{Waiter::There};
    std::optional<Reply> reply;
  };

  Status take_turn(Lock& lock, const std::string& command, Time deadline);
  Result<nlohmann::json> await_reply(Lock& lock, Time deadline);
  Status send_more();  // under mutex_
  void free_slot();    // under mutex_

  void run();
  std::string read_until_closed();
  Status send_rest();
  Status receive();
  Status deliver_decoded();
  Status deliver(Reply reply);
  void wake_reader() const;

  Negotiated connection_;  // its decoder and events: reader thread only
  FileDescriptor wakeup_;  // an eventfd: more to send, or stop
  const Callbacks callbacks_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<InFlight> in_flight_;
  std::set<std::uint64_t> turns_;  // callers waiting to send, first come first served
  std::uint64_t next_turn_{1};
  int callers_{};                          // inside execute()
  std::optional<std::string> closed_why_;  // set when the connection is closed
  enum class Stop : std::uint8_t { No, Asked } stop_{Stop::No};

  std::atomic<std::thread::id> reader_id_{};
  std::thread reader_;
};

}  // namespace blockplug::qmp
