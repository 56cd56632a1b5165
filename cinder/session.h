// SPDX-License-Identifier: Apache-2.0
#pragma once
// One cloud, as one project's member: its token, its block storage endpoint and the API version that both sides know.
//
//   clouds.yaml ──▶ Keystone: token, catalogue ──▶ Cinder: version ──▶ calls
//
// A token with less left than the longest call takes is renewed first, and after a 401; the files are read again when they change.
// A cloud that asks for patience (429, or Retry-After) is left alone for that time by all volumes.
//
// Made by the composition root, one per configured cloud; thread-safe; blocks, so never use it on the core thread.
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "cinder/answers.h"
#include "cinder/cloud_files.h"
#include "cinder/http.h"

namespace blockplug::cinder {

// 3.44 (Queens): attachments that are completed. 3.54: an attachment's access mode.
inline constexpr Microversion kLeastVersion{3, 44}, kAccessModeVersion{3, 54};

// How long a call may take, and what ends it earlier.
struct Patience {
  Time deadline;
  std::stop_token stop{};
};

// Nothing: it only reads. Change: sent twice, it comes to the same. Once: a second one would create again, or be refused for what
// the first one did; libcurl silently sends again what it has sent over a kept connection that ends without an answer.
enum class Sends : std::uint8_t { Nothing, Change, Once };

struct CinderCall {
  std::string method;  // "POST"
  std::string path;    // below the project: "/attachments/<id>"
  std::string what;    // for messages: "reserve volume 7…"
  std::string body{};  // JSON
  Sends sends{Sends::Nothing};
};

// What is known once the cloud has let us in.
struct Login {
  Credentials credentials;
  Token token;
  std::string endpoint;  // "http://h:8776/v3/<project>", without a slash at the end
  Microversion version;  // that we speak
  std::shared_ptr<Http> http;
};

class Session {
 public:
  explicit Session(CloudFiles files) : files_(std::move(files)) {}

  // The body of a 2xx. Otherwise see refusal.h; Unauthenticated, PermissionDenied: the cloud does not let us in; InvalidArgument,
  // FailedPrecondition: the configuration names no cloud, service or region that can be used. A call that only reads has no effect.
  Result<std::string> ask(const CinderCall& call, const Patience& patience);

  // Logs in if that is needed.
  Result<std::shared_ptr<const Login>> login(const Patience& patience);

 private:
  Result<std::shared_ptr<const Login>> renew(const Patience& patience);
  Result<HttpAnswer> send(const Login& login, const CinderCall& call, const Patience& patience) const;
  bool is_usable() const;
  void take(const Result<std::shared_ptr<const Login>>& login);
  void forget(const std::shared_ptr<const Login>& login);
  Status check_patience() const;
  void take_a_rest(const HttpAnswer& answer);

  std::mutex mutex_;  // guards the members below
  std::condition_variable_any changed_;
  bool is_renewing_{};  // one thread logs in, and uses files_; the others wait for that, no longer than they may
  CloudFiles files_;
  std::shared_ptr<const Login> login_;
  Time logged_in_{};
  std::optional<Error> failure_;  // of the last login
  Time failure_until_{};
  mutable std::mutex rest_mutex_;  // guards the two below
  Time rests_until_{};
  std::string rest_reason_;
};

}  // namespace blockplug::cinder
