// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/metrics/http_server.h"

#include <civetweb.h>

#include <mutex>
#include <string_view>

namespace blockplug {
namespace {

const char* reason_of(int status) {
  switch (status) {
    case 200: return "OK";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 503: return "Service Unavailable";
    default: return "Answer";
  }
}

void send(mg_connection* connection, const HttpServer::Answer& answer, bool is_head) {
  auto text = "HTTP/1.1 " + std::to_string(answer.status) + " " + reason_of(answer.status) + "\r\nContent-Type: " + answer.type +
              "\r\nContent-Length: " + std::to_string(answer.body.size()) +
              "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n";
  if (answer.status == 405) text += "Allow: GET, HEAD\r\n";
  text += "\r\n";
  if (!is_head) text += answer.body;
  mg_write(connection, text.data(), text.size());
}
}  // namespace

struct HttpServer::Running {
  explicit Running(Pages given) : pages(std::move(given)) {}
  const Pages pages;
  std::mutex mutex;  // guards said
  std::string said;  // civetweb's last complaint
  mg_context* context{};

  static int handle(mg_connection* connection, void* self) {
    const auto& pages = static_cast<Running*>(self)->pages;
    const auto* request = mg_get_request_info(connection);
    const std::string_view method = request->request_method;
    const auto page = pages.find(request->local_uri == nullptr ? "" : request->local_uri);
    Answer answer;
    if (page == pages.end())
      answer = {404, "text/plain; charset=utf-8", "there is no such page\n"};
    else if (method != "GET" && method != "HEAD")
      answer = {405, "text/plain; charset=utf-8", "only GET and HEAD\n"};
    else
      answer = page->second();
    send(connection, answer, method == "HEAD");
    return answer.status;
  }

  static int keep_complaint(const mg_connection* connection, const char* message) {
    auto* self = static_cast<Running*>(mg_get_user_data(mg_get_context(connection)));
    if (self == nullptr) return 1;
    const std::lock_guard guard{self->mutex};
    self->said = message;
    return 1;
  }
};

HttpServer::HttpServer(Pages pages) : running_(std::make_unique<Running>(std::move(pages))) {}

Result<std::unique_ptr<HttpServer>> HttpServer::start(const std::string& listen, Pages pages) {
  std::unique_ptr<HttpServer> server(new HttpServer(std::move(pages)));
  auto& running = *server->running_;
  mg_callbacks callbacks{};
  callbacks.log_message = Running::keep_complaint;
  // Some threads more than Prometheus and a page need: each waits for its connection's next request.
  const char* options[] = {"listening_ports", listen.c_str(),      "num_threads", "4",    "request_timeout_ms",
                           "10000",           "enable_keep_alive", "no",          nullptr};
  mg_init_data init{&callbacks, &running, options};
  char text[256]{};
  mg_error_data error{};
  error.text = text;
  error.text_buffer_size = sizeof text;
  running.context = mg_start2(&init, &error);
  if (running.context == nullptr) {
    const std::lock_guard guard{running.mutex};
    return no_effect(Code::Unavailable, "cannot listen at " + listen + ": " + (running.said.empty() ? text : running.said));
  }
  mg_set_request_handler(running.context, "/", Running::handle, &running);
  return server;
}

HttpServer::~HttpServer() {
  if (running_->context != nullptr) mg_stop(running_->context);
}

}  // namespace blockplug
