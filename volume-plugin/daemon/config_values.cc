// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/daemon/config_values.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <numeric>
#include <utility>

#include "volume-plugin/door/ids.h"

namespace blockplug {
namespace {

using std::chrono::milliseconds;

constexpr std::array<std::pair<std::string_view, std::int64_t>, 4> kUnits{
    {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}}};

Error bad(std::string message) { return no_effect(Code::InvalidArgument, std::move(message)); }

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || is_digit(c); }
bool is_letter_or_digit(char c) { return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z'); }

std::size_t edit_distance(std::string_view one, std::string_view other) {
  std::vector<std::size_t> row(other.size() + 1);
  std::iota(row.begin(), row.end(), 0U);
  for (std::size_t i = 1; i <= one.size(); ++i) {
    auto diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= other.size(); ++j) {
      const auto change = diagonal + (one[i - 1] == other[j - 1] ? 0U : 1U);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, change}));
    }
  }
  return row.back();
}

}  // namespace

Result<std::string> parse_path(const std::string& text) {
  const bool has_control = std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (has_control) return bad("a path must not contain control characters");
  if (!text.starts_with('/')) return bad("it must be an absolute path, beginning with /");
  if (text.size() > 4000) return bad("a path may have at most 4000 bytes");
  const std::filesystem::path path(text);
  if (std::find(path.begin(), path.end(), "..") != path.end()) return bad("it must not contain '..': give the directory itself");
  auto normal = path.lexically_normal().string();
  while (normal.ends_with('/')) normal.pop_back();
  if (normal.starts_with("//")) normal.erase(0, 1);
  if (normal.empty()) return bad("it must be a directory below /");
  return normal;
}

Result<milliseconds> parse_duration(std::string_view text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
  const auto digits = static_cast<std::size_t>(end - text.begin());
  const auto unit =
      std::find_if(kUnits.begin(), kUnits.end(), [&](const auto& known) { return known.first == text.substr(digits); });
  if (digits == 0 || unit == kUnits.end()) return bad("it must be a whole number and a unit (ms, s, m or h), e.g. 5m, 30s, 500ms");
  std::int64_t count{};
  const bool is_read = std::from_chars(text.data(), text.data() + digits, count).ec == std::errc{};
  constexpr std::int64_t kLeast = 100, kMost = 24 * 3'600'000LL;
  if (!is_read || count > kMost / unit->second || count * unit->second < kLeast) return bad("it must be from 100ms to 24h");
  return milliseconds(count * unit->second);
}

std::string format_duration(milliseconds duration) {
  const auto largest =
      std::find_if(kUnits.rbegin(), kUnits.rend(), [&](const auto& unit) { return duration.count() % unit.second == 0; });
  return std::to_string(duration.count() / largest->second) + std::string(largest->first);
}

Status check_node_name(const std::string& text) {
  const bool is_good = !text.empty() && text.size() <= 253 && is_lower_or_digit(text.front()) && is_lower_or_digit(text.back()) &&
                       std::all_of(text.begin(), text.end(), [](char c) { return is_lower_or_digit(c) || c == '-' || c == '.'; });
  if (is_good) return Ok{};
  return bad("a node's name has 1 to 253 of a-z, 0-9, '-' and '.', with a letter or digit at both ends");
}

Status check_backend_name(const std::string& text) {
  const bool is_good = !text.empty() && text.size() <= 63 && is_lower_or_digit(text.front()) &&
                       std::all_of(text.begin(), text.end(), [](char c) { return is_lower_or_digit(c) || c == '-'; });
  if (is_good) return Ok{};
  return bad("a backend's name has 1 to 63 of a-z, 0-9 and '-', beginning with a letter or digit");
}

Status check_driver_name(const std::string& text) {
  const bool is_good = !text.empty() && text.size() <= 63 && is_letter_or_digit(text.front()) && is_letter_or_digit(text.back()) &&
                       std::all_of(text.begin(), text.end(), [](char c) { return is_letter_or_digit(c) || c == '-' || c == '.'; });
  if (is_good) return Ok{};
  return bad("a CSI driver's name has 1 to 63 letters, digits, '-' and '.', with a letter or digit at both ends");
}

// Two pods must not be taken for one: a name alone is not enough, and a namespace has neither '.' nor '_', so one of them ends it.
Status check_vm_pattern(const std::string& text) {
  auto sample = text;
  for (const std::string_view part : {"{pod.uid}", "{pod.name}", "{pod.namespace}"})
    for (auto at = sample.find(part); at != std::string::npos; at = sample.find(part)) sample.replace(at, part.size(), "x");
  if (!check_vm_id(sample).ok())
    return bad("a VM's id is made of letters, digits, '.', '_', '-', {pod.uid}, {pod.name} and {pod.namespace}");
  const auto has = [&](const char* part) { return text.find(part) != std::string::npos; };
  if (has("{pod.uid}") || has("{pod.namespace}.{pod.name}") || has("{pod.namespace}_{pod.name}")) return Ok{};
  return bad("it must have {pod.uid}, {pod.namespace}.{pod.name} or {pod.namespace}_{pod.name}: else two pods may have one VM");
}

// Characters without a special meaning to QEMU, to the kernel's mapping line and in an address on a command line.
Status check_ceph_word(const std::string& text) {
  const bool is_good =
      !text.empty() && text.size() <= 128 && text.front() != '-' &&
      std::all_of(text.begin(), text.end(), [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.'; });
  if (is_good && !text.starts_with("client.")) return Ok{};
  if (is_good) return bad("give the user without 'client.'");
  return bad("it must have 1 to 128 letters, digits, '-', '_' and '.', and must not begin with '-'");
}

Status check_monitor(const std::string& text) {
  const auto is_address = [](const std::string& host, int family) {
    std::array<unsigned char, 16> address{};
    return ::inet_pton(family, host.c_str(), address.data()) == 1;
  };
  const auto close = text.rfind(']');
  const bool is_bracketed = text.starts_with('[') && close != std::string::npos;
  const auto host = is_bracketed ? text.substr(1, close - 1) : text.substr(0, text.find(':'));
  const auto rest = text.substr(is_bracketed ? close + 1 : host.size());
  const bool has_host = is_address(host, is_bracketed ? AF_INET6 : AF_INET);
  if (has_host && (rest.empty() || check_listen_address("0.0.0.0" + rest).ok())) return Ok{};
  return bad("a monitor is an IP address with an optional port, e.g. 192.0.2.2:3300 or [2001:db8::2]:3300");
}

Status check_listen_address(const std::string& text) {
  const auto colon = text.rfind(':');
  const auto host = text.substr(0, colon == std::string::npos ? 0 : colon);
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const bool is_host = is_bracketed || (!host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
                         return is_letter_or_digit(c) || c == '-' || c == '.';
                       }));
  int port = 0;
  const auto* begin = text.data() + (colon == std::string::npos ? text.size() : colon + 1);
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(begin, end, port);
  if (is_host && read.ec == std::errc{} && read.ptr == end && port > 0 && port < 65536) return Ok{};
  return bad("it must be off, or a host and a port, e.g. 127.0.0.1:9808 or [::1]:9808");
}

bool is_on_loopback(const std::string& listen) {
  const auto host = listen.substr(0, listen.rfind(':'));
  in_addr address{};
  const bool is_v4 = ::inet_pton(AF_INET, host.c_str(), &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
  return is_v4 || host == "[::1]" || host == "localhost";
}

Status check_api_server(const std::string& text) {
  constexpr std::string_view kHttps = "https://";
  if (text == "off" || text == "pod") return Ok{};
  if (text.starts_with(kHttps) && check_listen_address(text.substr(kHttps.size())).ok()) return Ok{};
  return bad("it must be off, pod (as a pod finds it), or https:// with a host and a port, e.g. https://10.96.0.1:443");
}

std::string suggestion_for(const std::string& word, const std::vector<std::string>& known) {
  const std::string* nearest = nullptr;
  auto least = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto& candidate : known)
    if (const auto distance = edit_distance(word, candidate); distance < least) {
      least = distance;
      nearest = &candidate;
    }
  if (nearest != nullptr) return "did you mean '" + *nearest + "'?";
  std::string all;
  for (const auto& candidate : known) all += (all.empty() ? "known keys: " : ", ") + candidate;
  return all;
}

}  // namespace blockplug
