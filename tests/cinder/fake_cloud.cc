// SPDX-License-Identifier: Apache-2.0
#include "tests/cinder/fake_cloud.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <sstream>

#include "attach-detach/check.h"

namespace blockplug::test {
namespace {

std::string decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      result += static_cast<char>(std::strtol(std::string(text.substr(i + 1, 2)).c_str(), nullptr, 16));
      i += 2;
    } else {
      result += text[i] == '+' ? ' ' : text[i];
    }
  }
  return result;
}

void take_apart(CloudRequest& request) {  // its path
  const std::size_t mark = request.path.find('?');
  std::istringstream path(request.path.substr(0, mark));
  for (std::string part; std::getline(path, part, '/');)
    if (!part.empty()) request.parts.push_back(decoded(part));
  std::istringstream query(mark == std::string::npos ? "" : request.path.substr(mark + 1));
  for (std::string pair; std::getline(query, pair, '&');) {
    const std::size_t equals = std::min(pair.find('='), pair.size());
    request.query[decoded(pair.substr(0, equals))] = decoded(std::string_view(pair).substr(std::min(equals + 1, pair.size())));
  }
}

// nullopt: the client has disconnected. `received` keeps what came after the request.
std::optional<CloudRequest> receive(int fd, std::string& received) {
  const auto has_more = [&] {
    std::array<char, 16384> buffer{};
    const ssize_t size = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (size > 0) received.append(buffer.data(), static_cast<std::size_t>(size));
    return size > 0;
  };
  std::size_t end_of_head = 0;
  while ((end_of_head = received.find("\r\n\r\n")) == std::string::npos)
    if (!has_more()) return std::nullopt;
  CloudRequest request;
  std::istringstream head(received.substr(0, end_of_head));
  std::string line;
  head >> request.method >> request.path;
  std::getline(head, line);
  while (std::getline(head, line)) {
    const std::size_t colon = line.find(':');
    std::string name = line.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (!line.empty() && line.back() == '\r') line.pop_back();
    const std::size_t value = colon == std::string::npos ? colon : line.find_first_not_of(' ', colon + 1);
    request.headers[name] = value == std::string::npos ? "" : line.substr(value);
  }
  const std::size_t end = end_of_head + 4 + std::strtoul(request.headers["content-length"].c_str(), nullptr, 10);
  while (received.size() < end)
    if (!has_more()) return std::nullopt;
  request.body = received.substr(end_of_head + 4, end - end_of_head - 4);
  received.erase(0, end);
  take_apart(request);
  return request;
}

std::string head_of(const CloudAnswer& answer) {
  std::string head = "HTTP/1.1 " + std::to_string(answer.status) + " Fake\r\n";
  for (const auto& [name, value] : answer.headers) head.append(name).append(": ").append(value).append("\r\n");
  if (answer.status != 204) head += "Content-Length: " + std::to_string(answer.body.size()) + "\r\n";
  return head + "\r\n";
}

CloudFault take_fault(std::vector<CloudFault>& faults, const CloudRequest& request) {
  for (CloudFault& each : faults) {
    if (each.times <= 0 || (!each.method.empty() && each.method != request.method) ||
        (!each.operation.empty() && each.operation != request.operation) || request.path.find(each.path) == std::string::npos)
      continue;
    if (each.skip > 0) {
      --each.skip;
      continue;
    }
    --each.times;
    return each;
  }
  return {};
}

CloudAnswer perform(CloudState& state, const CloudRequest& request) {
  const std::string service = request.parts.empty() ? "" : request.parts.front();
  CloudAnswer answer{
      .status = 404, .headers = {{"Content-Type", "text/html"}}, .body = "<html><title>404 Not Found</title></html>"};
  if (service == "identity") answer = keystone_answer(state, request);
  if (service == "volume") answer = cinder_answer(state, request);
  answer.headers["X-Openstack-Request-Id"] = "req-" + state.new_id();
  return answer;
}

}  // namespace

std::string utc_text(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.000000", ::gmtime_r(&seconds, &parts));
  return text.data();
}

std::string CloudState::new_id() { return "5f0a1c3e-0000-4000-8000-00000" + std::to_string(1000000 + ++made); }

FakeCloud::FakeCloud() {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  CHECK(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) == 0);
  CHECK(::listen(listener_, 64) == 0);
  CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  state_.url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  state_.catalogue = {{"RegionOne", "public", "volumev3", state_.url + "/volume/v3/" + state_.project_id}};
  acceptor_ = std::jthread([this] { accept_clients(); });
}

FakeCloud::~FakeCloud() {
  edit([&](CloudState&) { is_stopping_ = true; });
  ::shutdown(listener_, SHUT_RDWR);  // wakes accept
  acceptor_.join();
  for (const Connection& each : connections_) ::shutdown(each.fd, SHUT_RDWR);
  for (Connection& each : connections_) {
    each.thread.join();
    ::close(each.fd);
  }
  ::close(listener_);
}

std::string FakeCloud::auth_url() const {
  return look([](const CloudState& state) { return state.url + "/identity/v3"; });
}
std::string FakeCloud::volume_url() const {
  return look([](const CloudState& state) { return state.url + "/volume/v3/" + state.project_id; });
}
int FakeCloud::count(std::string_view operation) const {
  return look([&](const CloudState& state) {
    const auto is_it = [&](const CloudRequest& each) { return each.operation == operation; };
    return static_cast<int>(std::count_if(state.requests.begin(), state.requests.end(), is_it));
  });
}
void FakeCloud::release() {
  edit([&](CloudState&) { ++releases_; });
}

void FakeCloud::accept_clients() {
  for (int number = 1;; ++number) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const int yes = 1;
    CHECK(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) == 0);
    connections_.remove_if([](Connection& each) {
      if (!each.is_over) return false;
      each.thread.join();
      ::close(each.fd);  // only now, so that no number is reused while its thread may shut it down
      return true;
    });
    Connection& added = connections_.emplace_back(fd);
    added.thread = std::jthread([this, &added, number] { serve(added, number); });
  }
}

void FakeCloud::serve(Connection& connection, int number) {
  std::string received;
  bool is_last = false;
  while (!is_last) {
    std::optional<CloudRequest> request = receive(connection.fd, received);
    if (!request) break;
    request->connection = number;
    is_last = request->headers.contains("connection") && request->headers["connection"] == "close";
    const Reply reply = reply_to(std::move(*request));
    is_last |= reply.closes;
    for (std::string_view rest = reply.bytes; !rest.empty();) {
      const ssize_t sent = ::send(connection.fd, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent <= 0) break;  // the client has disconnected, which receive() notices
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  ::shutdown(connection.fd, SHUT_RDWR);
  connection.is_over = true;
}

FakeCloud::Reply FakeCloud::reply_to(CloudRequest request) {
  std::unique_lock lock(mutex_);
  request.operation = keystone_operation(request) + cinder_operation(request);
  state_.requests.push_back(request);
  changed_.notify_all();
  const CloudFault fault = take_fault(state_.faults, request);
  const int releases = releases_;
  if (fault.delay.count() > 0)
    changed_.wait_until(lock, std::chrono::system_clock::now() + fault.delay,
                        [&] { return is_stopping_ || releases_ != releases; });
  if (is_stopping_ || fault.kind == CloudFault::Kind::CloseBefore) return {.bytes = {}, .closes = true};
  const CloudAnswer answer = fault.kind == CloudFault::Kind::Answer ? fault.answer : perform(state_, request);
  if (fault.kind == CloudFault::Kind::CloseAfter) return {.bytes = {}, .closes = true};
  const std::string head = head_of(answer);
  if (fault.kind == CloudFault::Kind::CutAnswer) {
    const std::string half =
        answer.body.empty() ? head.substr(0, head.size() / 2) : head + answer.body.substr(0, answer.body.size() / 2);
    return {.bytes = half, .closes = true};
  }
  return {.bytes = head + answer.body, .closes = false};
}

}  // namespace blockplug::test
