// SPDX-License-Identifier: Apache-2.0
#pragma once
// A small HTTP server for what reads this daemon: GET and HEAD of given paths, nothing else.
//
// Owned by the daemon. Its threads call the pages, several at a time; its destructor waits for them.
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug {

class HttpServer {
 public:
  struct Answer {
    int status{200};
    std::string type{"text/plain; charset=utf-8"};
    std::string body;
  };
  using Pages = std::map<std::string, std::function<Answer()>>;  // by path: "/metrics"

  // `listen`: an address and a port, "127.0.0.1:9808". Unavailable: it is taken, or not of this host.
  static Result<std::unique_ptr<HttpServer>> start(const std::string& listen, Pages pages);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

 private:
  explicit HttpServer(Pages pages);
  struct Running;
  const std::unique_ptr<Running> running_;
};

}  // namespace blockplug
