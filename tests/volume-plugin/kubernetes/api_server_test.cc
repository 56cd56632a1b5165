// SPDX-License-Identifier: Apache-2.0
// An API server that has one answer. The real one is asked in tests/kubernetes.
#include "volume-plugin/kubernetes/api_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <future>

#include "tests/attach-detach/file_store.h"

namespace blockplug::kubernetes::testing {
namespace {
using std::chrono::seconds;
using test::TempDirectory;

class ApiServerTest : public ::testing::Test {
 protected:
  ApiServerTest() {
    write_token("secret-token\n");
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 5), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~ApiServerTest() override { ::close(listener_); }

  void write_token(const std::string& text) const { std::ofstream(token_file()) << text; }
  std::string token_file() const { return directory_.path() + "/token"; }
  Result<bool> ask(const std::string& node = "n7") {
    return ApiServer({url_, token_file(), ""}).is_out_of_service(node, Clock::now() + seconds(20));
  }
  // The same, of a server that answers this; `request_` is what it was asked.
  Result<bool> ask_one_that_says(int status, const std::string& body) {
    auto serving = std::async(std::launch::async, [&] {
      const int connection = ::accept(listener_, nullptr, nullptr);
      request_.clear();
      for (char byte = 0; !request_.ends_with("\r\n\r\n") && ::read(connection, &byte, 1) == 1;) request_ += byte;
      const auto answer = "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size()) +
                          "\r\nConnection: close\r\n\r\n" + body;
      EXPECT_EQ(::write(connection, answer.data(), answer.size()), static_cast<ssize_t>(answer.size()));
      ::close(connection);
    });
    return ask();
  }

  TempDirectory directory_;
  int listener_{};
  std::string url_, request_;
};

TEST_F(ApiServerTest, SaysWhichNodesHaveTheTaint) {
  const auto of_taints = [&](const std::string& taints) {
    return ask_one_that_says(200, R"({"kind":"Node","metadata":{"name":"n7"},"spec":{)" + taints + "}}");
  };
  EXPECT_FALSE(of_taints("").value());
  EXPECT_EQ(request_.substr(0, request_.find('\r')), "GET /api/v1/nodes/n7 HTTP/1.1");
  EXPECT_NE(request_.find("Authorization: Bearer secret-token\r\n"), std::string::npos) << request_;
  EXPECT_FALSE(of_taints(R"("taints":[{"key":"node.kubernetes.io/unreachable","effect":"NoExecute"}])").value());
  EXPECT_FALSE(of_taints(R"("taints":[{"key":7},3,null])").value());
  for (const std::string effect : {"NoExecute", "NoSchedule"})
    EXPECT_TRUE(of_taints(R"("taints":[{"key":"a","effect":"NoSchedule"},{"key":"node.kubernetes.io/out-of-service","effect":")" +
                          effect + R"("}])")
                    .value());
}

TEST_F(ApiServerTest, WhatIsNoAnswerIsAnErrorThatSaysWhatToDo) {
  struct {
    int status;
    std::string body;
    Code code;
    std::string words;
  } const answers[] = {{404, "{}", Code::NotFound, "has no node n7"},
                       {403, "{}", Code::PermissionDenied, "it needs the verb get on the resource nodes"},
                       {401, "{}", Code::PermissionDenied, "does not accept the token in " + token_file()},
                       {500, "{}", Code::Unavailable, "answers with status 500"},
                       {301, "{}", Code::Unavailable, "answers with status 301"},
                       {200, "", Code::Unavailable, "its answer is not a node"},
                       {200, "[]", Code::Unavailable, "its answer is not a node"},
                       {200, R"({"kind":7})", Code::Unavailable, "its answer is not a node"},
                       {200, R"({"kind":"Node","spec":[]})", Code::Unavailable, "its answer is not a node"}};
  for (const auto& [status, body, code, words] : answers) {
    const auto answer = ask_one_that_says(status, body);
    ASSERT_FALSE(answer.ok()) << status << body;
    EXPECT_EQ(answer.error().code, code) << answer.error().message;
    EXPECT_NE(answer.error().message.find(words), std::string::npos) << answer.error().message;
    EXPECT_EQ(answer.error().message.find("secret-token"), std::string::npos);
  }
  for (const std::string name : {"", "..", "a/b", "N7", "n7?x", "a b"}) EXPECT_EQ(ask(name).error().code, Code::NotFound) << name;
}

TEST_F(ApiServerTest, ATokenThatCannotBeOneIsNotSent) {
  for (const std::string text : {"", "\n", "two words", "a\r\nb: c"}) {
    write_token(text);
    const auto refused = ask();
    EXPECT_EQ(refused.error().code, Code::FailedPrecondition);
    EXPECT_NE(refused.error().message.find(token_file() + " has no token"), std::string::npos) << refused.error().message;
  }
  ::unlink(token_file().c_str());
  EXPECT_EQ(ask().error().code, Code::FailedPrecondition);
}

TEST(ApiServer, IsFoundAsThePodFindsIt) {
  ::unsetenv("KUBERNETES_SERVICE_HOST");
  EXPECT_EQ(url_of_pod().error().code, Code::FailedPrecondition);
  ::setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", 1);
  ::setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  EXPECT_EQ(url_of_pod().value(), "https://10.96.0.1:443");
  ::setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  EXPECT_EQ(url_of_pod().value(), "https://[fd00::1]:443");
}

}  // namespace
}  // namespace blockplug::kubernetes::testing
