// SPDX-License-Identifier: Apache-2.0
#pragma once
// A client of its own for the tests of the fake cloud: what it sends and receives is on raw sockets, so that nothing is made good.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/cinder/fake_cloud.h"

namespace blockplug::test {
using nlohmann::json;
using Kind = CloudFault::Kind;

struct Reply {
  int status{};      // 0: the connection was closed before the head had come
  std::string head;  // with the status line
  std::string text;
  bool is_whole{};
  json body() const { return json::parse(text); }
  std::string header(const std::string& name) const {
    const std::size_t at = head.find("\r\n" + name + ": ");
    return at == std::string::npos ? "" : head.substr(at + name.size() + 4, head.find("\r\n", at + 2) - at - name.size() - 4);
  }
};

class Client {
 public:
  explicit Client(const FakeCloud& cloud) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const std::string url = cloud.auth_url();
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1))));
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Reply call(const std::string& method, const std::string& path, const json& body = nullptr, const Pairs& headers = {}) {
    std::string text = method + " " + path + " HTTP/1.1\r\nHost: fake\r\n";
    for (const auto& [name, value] : headers) text.append(name).append(": ").append(value).append("\r\n");
    const std::string content = body.is_null() ? "" : body.dump();
    text += "Content-Length: " + std::to_string(content.size()) + "\r\n\r\n" + content;
    EXPECT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    return receive();
  }

 private:
  Reply receive() {
    std::string received;
    std::size_t head_end = std::string::npos, end = std::string::npos;
    while (received.size() < end) {
      std::array<char, 4096> buffer{};
      const ssize_t size = ::recv(fd_, buffer.data(), buffer.size(), 0);
      if (size <= 0) break;
      received.append(buffer.data(), static_cast<std::size_t>(size));
      if (head_end = received.find("\r\n\r\n"); head_end == std::string::npos) continue;
      const std::size_t length = received.find("Content-Length: ");
      end = head_end + 4 + (length < head_end ? std::stoul(received.substr(length + 16)) : 0);
    }
    if (head_end == std::string::npos) return {.status = 0, .head = received, .text = {}, .is_whole = false};
    return {.status = std::stoi(received.substr(9, 3)),
            .head = received.substr(0, head_end + 2),
            .text = received.substr(head_end + 4),
            .is_whole = received.size() >= end};
  }
  int fd_;
};

inline json proof(const std::string& method, const json& what) { return {{"methods", {method}}, {method, what}}; }
inline json password_of(const json& user) { return proof("password", {{"user", user}}); }
inline const json kUser{{"name", "demo"}, {"domain", {{"name", "Default"}}}, {"password", "secret"}};
inline const json kProject{{"project", {{"name", "demo-project"}, {"domain", {{"id", "default"}}}}}};

class FakeCloudTest : public ::testing::Test {
 protected:
  Reply log_in(const json& identity, const json& scope) {
    json auth{{"identity", identity}};
    if (!scope.is_null()) auth["scope"] = scope;
    return Client(cloud).call("POST", "/identity/v3/auth/tokens", {{"auth", auth}});
  }
  // With a token, over a connection of its own; `path` below the project.
  Reply call(const std::string& method, const std::string& path, const json& body = nullptr, const std::string& version = "3.54") {
    if (token.empty()) token = log_in(password_of(kUser), kProject).header("X-Subject-Token");
    const Pairs headers{{"X-Auth-Token", token}, {"OpenStack-API-Version", "volume " + version}};
    return Client(cloud).call(method, "/volume/v3/" + project + path, body, headers);
  }
  std::string create(const json& volume) {  // and waits for it
    const std::string id = call("POST", "/volumes", {{"volume", volume}}).body()["volume"]["id"];
    call("GET", "/volumes/" + id);
    return id;
  }
  Reply reserve(const std::string& volume) { return call("POST", "/attachments", {{"attachment", {{"volume_uuid", volume}}}}); }
  std::string attach(const std::string& volume) {
    const std::string id = reserve(volume).body()["attachment"]["id"];
    EXPECT_EQ(call("PUT", "/attachments/" + id, {{"attachment", {{"connector", {{"host", "node-1"}}}}}}).status, 200);
    EXPECT_EQ(call("POST", "/attachments/" + id + "/action", {{"os-complete", json::object()}}).status, 204);
    return id;
  }
  std::string status_of(const std::string& volume) { return call("GET", "/volumes/" + volume).body()["volume"]["status"]; }
  static std::string message_in(const Reply& reply) { return reply.body().begin().value().value("message", ""); }

  FakeCloud cloud;
  const std::string project = cloud.look([](const CloudState& state) { return state.project_id; });
  std::string token;
};

}  // namespace blockplug::test
