// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/metrics/http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

namespace blockplug {
namespace {

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() {
    // A port that was free a moment ago; another process may be quicker.
    for (int tries = 0; !server_ && tries < 20; ++tries) {
      port_ = free_port();
      auto started = HttpServer::start("127.0.0.1:" + std::to_string(port_), pages());
      if (started.ok()) server_ = std::move(started).value();
    }
    EXPECT_TRUE(server_);
  }

  HttpServer::Pages pages() {
    return {{"/hello", [this] { return ++asked_, HttpServer::Answer{.body = "hello\n"}; }},
            {"/broken", [] { return HttpServer::Answer{.status = 503, .body = "not now\n"}; }}};
  }

  static int listening(sockaddr_in& address) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(fd, 1), 0);
    EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
    return fd;
  }
  static int free_port() {
    sockaddr_in address{};
    ::close(listening(address));
    return ntohs(address.sin_port);
  }
  int connected() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  std::string ask(const std::string& line) const {
    const int fd = connected();
    const auto request = line + " HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
    EXPECT_EQ(::send(fd, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    std::string answer;
    char some[4096];
    for (ssize_t got = 0; (got = ::read(fd, some, sizeof some)) > 0;) answer.append(some, static_cast<std::size_t>(got));
    ::close(fd);
    return answer;
  }

  std::atomic<int> asked_{};
  int port_{};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersWhatItHas) {
  const auto answer = ask("GET /hello");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_NE(answer.find("Content-Length: 6\r\n"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\nhello\n")) << answer;
  EXPECT_TRUE(ask("HEAD /hello").ends_with("\r\n\r\n"));
  EXPECT_TRUE(ask("GET /hello?a=b").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(ask("GET /broken").starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_EQ(asked_, 3);
}

TEST_F(HttpServerTest, RefusesWhatItHasNotAndWhatChanges) {
  for (const char* line : {"GET /", "GET /hello/more", "GET /../etc/passwd", "POST /none"})
    EXPECT_TRUE(ask(line).starts_with("HTTP/1.1 4")) << line << ": " << ask(line);
  for (const char* line : {"POST /hello", "PUT /hello", "DELETE /hello", "OPTIONS /hello"})
    EXPECT_TRUE(ask(line).starts_with("HTTP/1.1 4")) << line << ": " << ask(line);
  EXPECT_NE(ask("POST /hello").find("Allow: GET, HEAD\r\n"), std::string::npos) << ask("POST /hello");
  EXPECT_EQ(asked_, 0);
}

TEST_F(HttpServerTest, OutlivesClientsWhoSendNonsenseOrNothing) {
  const int silent = connected(), nonsense = connected();
  EXPECT_GT(::send(nonsense, "\x16\x03\x01 nonsense\r\n\r\n", 16, MSG_NOSIGNAL), 0);
  std::vector<std::thread> clients;
  for (int client = 0; client < 8; ++client)
    clients.emplace_back([this] {
      for (int round = 0; round < 20; ++round) EXPECT_TRUE(ask("GET /hello").ends_with("hello\n"));
    });
  for (auto& client : clients) client.join();
  EXPECT_EQ(asked_, 160);
  server_.reset();  // though one is still connected
  ::close(silent);
  ::close(nonsense);
}

TEST_F(HttpServerTest, SaysWhereItCannotListen) {
  sockaddr_in address{};
  const int taken = listening(address);
  const auto listen = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  const auto started = HttpServer::start(listen, pages());
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, Code::Unavailable);
  EXPECT_NE(started.error().message.find("cannot listen at " + listen), std::string::npos) << started.error().message;
  ::close(taken);
}

}  // namespace
}  // namespace blockplug
