// SPDX-License-Identifier: Apache-2.0
#pragma once
// A small OpenStack for unit tests: Keystone v3 below /identity and Cinder v3 below /volume, over real HTTP on a free port of
// 127.0.0.1. It answers a member of one project as Cinder 21 with the RBD driver does, texts of errors included; there is no Nova.
// Calls can be delayed, lost before or after they take effect, cut short, or answered with anything.
//
// A thread accepts, and each connection has one; one call at a time is performed, under the lock of the state.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace blockplug::test {

using Pairs = std::map<std::string, std::string>;

struct CloudRequest {
  std::string method, path;  // the path as sent, with its query
  Pairs headers{};           // names in lower case
  std::string body{};
  // "POST /auth/tokens", "GET /volumes/{id}", "POST /attachments/{id}/action os-complete"; empty: not known here, answered with 404
  std::string operation{};
  int connection{};                  // 1 for the first one
  std::vector<std::string> parts{};  // of the path, decoded
  Pairs query{};                     // decoded
};

struct CloudAnswer {
  int status{200};
  Pairs headers{};
  std::string body{};
};

// What happens to a call. The first one in the list that matches and has `times` left applies.
struct CloudFault {
  enum class Kind : std::uint8_t {
    Delay,        // only `delay`
    CloseBefore,  // the request is read, but not performed
    CloseAfter,   // performed, but its answer is lost
    CutAnswer,    // performed; the connection closes after half of the answer
    Answer,       // not performed; `answer` is sent instead
  };
  Kind kind{Kind::Delay};
  std::string method{}, path{}, operation{};  // path: any part of it; empty: any
  int times{1}, skip{};                       // `skip` matching calls are left alone first
  std::chrono::milliseconds delay{};          // of any kind: before it is performed; FakeCloud::release() ends it
  CloudAnswer answer{};
};

struct CloudUser {
  std::string id, name, password;
};
struct CloudApplicationCredential {
  std::string id, name, secret, user_name;
};
struct CloudEndpoint {
  std::string region, interface, type, url;
};
struct CloudVolumeType {
  bool is_multiattach{}, is_encrypted{};
};
// What a volume or snapshot becomes at the `looks`th GET from now: creating, extending and deleting take time in Cinder.
struct CloudChange {
  std::string status{};  // "deleted": it is gone; empty: nothing changes
  std::int64_t size_gib{};
  int looks{};
};
struct CloudVolume {
  std::string name{}, status{"available"}, type{"__DEFAULT__"}, zone{"nova"}, host{"node@rbd#rbd"};
  std::int64_t size_gib{1};
  Pairs metadata{};
  bool is_encrypted{}, is_multiattach{}, is_bootable{};
  std::string project{};  // empty: the cloud's own one; others' volumes are not found
  std::string snapshot_id{}, source_volume_id{};
  std::string image{};  // in the pool; empty: volume-<id>
  std::string created{"2026-01-01T00:00:00.000000"};
  CloudChange next{};
};
struct CloudSnapshot {
  std::string name{}, volume_id{}, status{"available"};
  std::int64_t size_gib{1};
  Pairs metadata{};
  std::string created{"2026-01-01T00:00:00.000000"};
  CloudChange next{};
};
struct CloudAttachment {
  std::string volume_id{}, status{"reserved"};
  std::string mode{"null"};  // as Cinder has it: the text "null" until it is connected
  std::string connector{};   // JSON; the next two are in it
  std::string host{}, device{};
  std::string connection{"{}"};  // connection_info: JSON
  std::string instance{};        // Nova's server; once such an attachment is connected, only Nova may delete it
  std::string attached{};        // when
  std::string created{"2026-01-01T00:00:00.000000"};
};

struct CloudState {
  // Keystone. The only domain is "default", by name "Default".
  std::vector<CloudUser> users{{"user-1", "demo", "secret"}};
  std::vector<CloudApplicationCredential> application_credentials{{"credential-1", "blockplug", "credential-secret", "demo"}};
  std::string project_id{"4e1f05c5a4a84f8e9d5f3ad6d3f3c0de"}, project_name{"demo-project"};
  Pairs tokens{};                             // to the project's id; empty: not scoped
  std::chrono::seconds token_lifetime{3600};  // as told; a token is valid until it is revoked
  std::vector<CloudEndpoint> catalogue{};     // at first: volumev3, public, RegionOne
  void revoke_all() { tokens.clear(); }

  // Cinder.
  std::map<std::string, CloudVolume> volumes{};
  std::map<std::string, CloudSnapshot> snapshots{};
  std::map<std::string, CloudAttachment> attachments{};
  std::map<std::string, CloudVolumeType> types{{"__DEFAULT__", {}}, {"multi", {true, false}}, {"locked", {false, true}}};
  std::string default_type{"__DEFAULT__"};
  std::int64_t volume_quota{-1}, gigabyte_quota{-1};  // -1: none
  int max_minor{70};                                  // of microversion 3
  std::size_t page_limit{1000};                       // osapi_max_limit
  bool is_admin{};                                    // is told hosts
  bool is_v3_document_public{};                       // /volume/v3/ needs no token; a real Cinder wants one
  int looks_until_settled{1};                         // see CloudChange
  std::string creating_ends{"available"}, deleting_ends{"deleted"};
  std::string extending_ends{};  // empty: as it began

  // What connection_info says.
  std::string driver{"rbd"}, pool{"volumes"}, ceph_user{"cinder"}, access_mode{"rw"};
  std::string cluster_id{"3e2b6f0c-7c1a-4a55-9d0e-5f6a7b8c9d0e"};
  std::vector<std::pair<std::string, std::string>> monitors{{"192.0.2.1", "6789"}, {"192.0.2.2", "6789"}};
  Pairs qos{};

  std::vector<CloudRequest> requests{};  // as they came
  std::vector<CloudFault> faults{};
  std::string url{};     // "http://127.0.0.1:PORT", which all links begin with
  int made{};            // ids
  std::string new_id();  // a UUID
};

class FakeCloud {
 public:
  FakeCloud();
  ~FakeCloud();  // closes all connections, also those whose call is delayed
  FakeCloud(const FakeCloud&) = delete;
  FakeCloud& operator=(const FakeCloud&) = delete;

  std::string auth_url() const;                 // "http://127.0.0.1:PORT/identity/v3"
  std::string volume_url() const;               // "http://127.0.0.1:PORT/volume/v3/<project>"
  int count(std::string_view operation) const;  // of requests
  void release();                               // ends the delays that are running

  template <typename Change>
  auto edit(Change change) {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();  // who waits looks when the lock is free again
    return change(state_);
  }
  template <typename Look>
  auto look(Look look) const {
    const std::lock_guard lock(mutex_);
    return look(state_);
  }
  // Looks at the state after each request and edit, for up to 10 s: has it become so?
  template <typename Predicate>
  bool wait_until(Predicate is_so) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, std::chrono::system_clock::now() + std::chrono::seconds(10), [&] { return is_so(state_); });
  }

 private:
  struct Connection {
    explicit Connection(int descriptor) : fd(descriptor) {}
    const int fd;
    std::atomic<bool> is_over{false};
    std::jthread thread{};
  };
  struct Reply {
    std::string bytes;
    bool closes;
  };
  void accept_clients();
  void serve(Connection& connection, int number);
  Reply reply_to(CloudRequest request);

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  CloudState state_;  // this and the next two under the lock
  bool is_stopping_{};
  int releases_{};
  int listener_{-1};
  std::list<Connection> connections_;  // of the accepting thread
  std::jthread acceptor_;
};

// The two services. FakeCloud calls them, under the lock. An operation is empty if the service does not have it.
std::string keystone_operation(const CloudRequest& request);
CloudAnswer keystone_answer(CloudState& state, const CloudRequest& request);
std::string cinder_operation(const CloudRequest& request);
CloudAnswer cinder_answer(CloudState& state, const CloudRequest& request);
std::string utc_text(
    std::chrono::system_clock::time_point time);  // "2026-01-01T00:00:00.000000": to the second, as MariaDB keeps it

}  // namespace blockplug::test
