// SPDX-License-Identifier: Apache-2.0
#include "cinder/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <optional>

#include "attach-detach/printable.h"
#include "cinder/lower_case.h"

namespace blockplug::cinder {
namespace {
using std::chrono::milliseconds;
constexpr milliseconds kConnectLimit{10'000};

void start_libcurl() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

// libcurl says of such a file only that it is a problem.
Status check_pem(const std::string& what, const std::string& path, const std::string& block) {
  if (path.empty()) return Ok{};
  std::ifstream file(path);
  if (!file)
    return no_effect(Code::FailedPrecondition, what + " " + path + " cannot be read: check that it exists, and its permissions");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.find(block) == std::string::npos)
    return no_effect(Code::FailedPrecondition, what + " " + path + " has no PEM block '" + block + "'");
  return Ok{};
}

Status check_files(const TlsOptions& tls) {
  if (tls.is_verified) TRY(check_pem("the file of CA certificates", tls.ca_file, "-----BEGIN CERTIFICATE-----"));
  TRY(check_pem("cert", tls.client_cert_file, "-----BEGIN CERTIFICATE-----"));
  return check_pem("key", tls.client_key_file, "PRIVATE KEY-----");
}

// What is received; libcurl calls the two functions.
struct Receiving {
  HttpAnswer answer;
  bool is_too_long{};

  static std::size_t body(char* data, std::size_t, std::size_t size, void* receiving) {
    auto& self = *static_cast<Receiving*>(receiving);
    self.is_too_long = self.answer.body.size() + size > kLongestAnswer;
    if (self.is_too_long) return 0;
    self.answer.body.append(data, size);
    return size;
  }
  static std::size_t header(char* data, std::size_t, std::size_t size, void* receiving) {
    auto& self = *static_cast<Receiving*>(receiving);
    const std::string_view line(data, size);
    if (line.starts_with("HTTP/")) self.answer.headers.clear();  // of an answer before the last one
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || self.answer.headers.size() > 200) return size;
    const auto name = lower_case(std::string(line.substr(0, colon)));
    auto value = line.substr(colon + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
    while (!value.empty() && (value.back() == '\r' || value.back() == '\n' || value.back() == ' ')) value.remove_suffix(1);
    self.answer.headers[name] = std::string(value);
    return size;
  }
};

class HeaderList {
 public:
  explicit HeaderList(const HttpRequest& request) {
    for (const auto& [name, value] : request.headers) add(name + ": " + value);
    if (!request.body.empty()) add("Content-Type: application/json");
  }
  ~HeaderList() { curl_slist_free_all(list_); }
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  curl_slist* get() const { return list_; }

 private:
  void add(const std::string& line) { list_ = curl_slist_append(list_, line.c_str()); }
  curl_slist* list_{};
};

Error broken(CURLcode code, const std::string& what, const std::string& detail, bool is_sent) {
  const auto why = printable(detail.empty() ? curl_easy_strerror(code) : detail);
  switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT: return no_effect(Code::InvalidArgument, what + ": the URL cannot be used (" + why + ")");
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
      return no_effect(Code::Unavailable, what + ": no connection (" + why + "): check that the service runs and is reachable");
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
      return no_effect(Code::Unavailable, what + ": no TLS connection (" + why +
                                              "): check the server's certificate, and the CA certificates that it is checked with");
    default: break;
  }
  const auto ended = what + ": the connection ended before the answer was complete (" + why + ")";
  return {Code::Unavailable, is_sent ? Effect::Unknown : Effect::None, ended};
}
}  // namespace

// A request at a time, on connections of its own.
class Http::Client {
 public:
  Client() : easy_(curl_easy_init()), multi_(curl_multi_init()) { CHECK(easy_ != nullptr && multi_ != nullptr); }
  ~Client() {
    curl_multi_cleanup(multi_);
    curl_easy_cleanup(easy_);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Result<HttpAnswer> send(const HttpRequest& request, const TlsOptions& tls) {
    const auto what = request.method + " " + request.url.substr(0, request.url.find('?'));
    Receiving receiving;
    const HeaderList headers(request);
    set_up(request, tls, receiving, headers);
    curl_multi_add_handle(multi_, easy_);
    const auto code = perform(request);
    long sent_bytes = 0, status = 0;
    curl_easy_getinfo(easy_, CURLINFO_REQUEST_SIZE, &sent_bytes);
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(multi_, easy_);
    const auto effect = sent_bytes == 0 ? Effect::None : Effect::Unknown;
    if (!code && request.stop.stop_requested())
      return Error{Code::Cancelled, effect, what + ": cancelled by a newer request, or because the daemon is stopping"};
    if (!code) return Error{Code::DeadlineExceeded, effect, what + ": no answer in time"};
    if (receiving.is_too_long)
      return maybe_effect(Code::Unavailable, what + ": the answer is longer than " + std::to_string(kLongestAnswer >> 20) + " MiB");
    if (*code != CURLE_OK) return broken(*code, what, detail_.data(), sent_bytes != 0);
    receiving.answer.status = static_cast<int>(status);
    return std::move(receiving.answer);
  }

 private:
  void set_up(const HttpRequest& request, const TlsOptions& tls, Receiving& receiving, const HeaderList& headers) {
    curl_easy_reset(easy_);  // connections stay
    detail_.fill('\0');
    const auto set = [this](CURLoption option, auto value) { curl_easy_setopt(easy_, option, value); };
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    set(CURLOPT_HTTPHEADER, headers.get());
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_QUICK_EXIT, 1L);  // does not wait for a name that is being resolved
    set(CURLOPT_ERRORBUFFER, detail_.data());
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(kConnectLimit.count()));
    set(CURLOPT_WRITEFUNCTION, &Receiving::body);
    set(CURLOPT_WRITEDATA, &receiving);
    set(CURLOPT_HEADERFUNCTION, &Receiving::header);
    set(CURLOPT_HEADERDATA, &receiving);
    if (!request.body.empty()) {
      set(CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
      set(CURLOPT_POSTFIELDS, request.body.c_str());
    }
    if (request.is_sent_once) {
      set(CURLOPT_FRESH_CONNECT, 1L);
      set(CURLOPT_FORBID_REUSE, 1L);
    }
    set(CURLOPT_SSL_VERIFYPEER, tls.is_verified ? 1L : 0L);
    set(CURLOPT_SSL_VERIFYHOST, tls.is_verified ? 2L : 0L);
    if (!tls.ca_file.empty()) set(CURLOPT_CAINFO, tls.ca_file.c_str());
    if (!tls.client_cert_file.empty()) set(CURLOPT_SSLCERT, tls.client_cert_file.c_str());
    if (!tls.client_key_file.empty()) set(CURLOPT_SSLKEY, tls.client_key_file.c_str());
  }

  // What libcurl says of it; nullopt: it was given up.
  std::optional<CURLcode> perform(const HttpRequest& request) {
    const std::stop_callback wake(request.stop, [this] { curl_multi_wakeup(multi_); });
    while (true) {
      int running = 0;
      curl_multi_perform(multi_, &running);
      if (running == 0) break;
      const auto left = std::chrono::ceil<milliseconds>(request.deadline - Clock::now());
      if (left.count() <= 0 || request.stop.stop_requested()) return std::nullopt;
      curl_multi_poll(multi_, nullptr, 0, static_cast<int>(std::min(left, milliseconds(60'000)).count()), nullptr);
    }
    int more = 0;
    const auto* message = curl_multi_info_read(multi_, &more);
    return message == nullptr ? CURLE_RECV_ERROR : message->data.result;
  }

  CURL* easy_;
  CURLM* multi_;
  std::array<char, CURL_ERROR_SIZE> detail_{};
};

Http::Http(TlsOptions tls) : tls_(std::move(tls)) { start_libcurl(); }
Http::~Http() = default;

std::unique_ptr<Http::Client> Http::take() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<Client>();
  auto client = std::move(idle_.back());
  idle_.pop_back();
  return client;
}

void Http::give_back(std::unique_ptr<Client> client) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(client));
}

Result<HttpAnswer> Http::send(const HttpRequest& request) {
  TRY(check_files(tls_));
  auto client = take();
  auto answer = client->send(request, tls_);
  give_back(std::move(client));
  return answer;
}

}  // namespace blockplug::cinder
