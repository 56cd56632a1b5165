// SPDX-License-Identifier: Apache-2.0
#pragma once
// HTTP to one cloud, by libcurl, which stays in http.cc. Connections are kept and used again, except for calls that create
// something: on a kept connection that ends before the answer, libcurl sends a request again.
//
// Thread-safe; blocks until the answer, the deadline or the stop.
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "attach-detach/outcome.h"

namespace blockplug::cinder {

struct TlsOptions {
  std::string ca_file;  // PEM; empty: the system's
  std::string client_cert_file, client_key_file;
  bool is_verified{true};
};

using HttpHeaders = std::map<std::string, std::string>;

struct HttpRequest {
  std::string method, url;
  HttpHeaders headers{};
  std::string body{};  // JSON, where it is not empty
  Time deadline{};
  std::stop_token stop{};
  bool is_sent_once{};  // must not be sent twice
};

struct HttpAnswer {
  int status{};
  HttpHeaders headers;  // names in small letters
  std::string body;
};

// At most: more is refused, so that a server cannot fill our memory.
inline constexpr std::size_t kLongestAnswer = std::size_t{16} << 20;

class Http {
 public:
  explicit Http(TlsOptions tls);
  ~Http();
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;

  // Any status is an answer; redirects are not followed. Unavailable: no connection (effect None), or it ended, or the answer was
  // too long (Unknown). DeadlineExceeded, Cancelled: None where nothing was sent. InvalidArgument: an unusable URL.
  // FailedPrecondition: a file of TlsOptions that cannot be used.
  Result<HttpAnswer> send(const HttpRequest& request);

 private:
  class Client;
  std::unique_ptr<Client> take();
  void give_back(std::unique_ptr<Client> client);

  const TlsOptions tls_;
  std::mutex mutex_;  // guards idle_
  std::vector<std::unique_ptr<Client>> idle_;
};

}  // namespace blockplug::cinder
