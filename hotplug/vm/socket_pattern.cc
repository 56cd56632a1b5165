// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/socket_pattern.h"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <optional>
#include <string_view>

namespace blockplug {
namespace {
namespace files = std::filesystem;
constexpr std::string_view kHole = "{vm}";

std::optional<SocketSight> look_at(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return std::nullopt;
  return SocketSight{path, found.st_dev, found.st_ino, found.st_ctim};
}

bool is_directory(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

// Visits `path`, or its existing parents.
bool visit_down(std::string from, std::string_view rest, const std::function<void(const std::string&)>& visit) {
  while (true) {
    visit(from.empty() ? "/" : from);
    if (rest.empty()) return true;
    const auto slash = rest.find('/');
    from += "/" + std::string(rest.substr(0, slash));
    rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
    if (!is_directory(from)) return false;
  }
}
}  // namespace

bool is_vm_id(const std::string& text) {
  if (text.empty() || text.size() > 64 || text == "." || text == "..") return false;
  return std::all_of(text.begin(), text.end(), [](unsigned char letter) {
    return letter < 128 && (std::isalnum(letter) != 0 || letter == '.' || letter == '_' || letter == '-');
  });
}

bool SocketSight::is_same_as(const SocketSight& other) const {
  return device == other.device && inode == other.inode && changed.tv_sec == other.changed.tv_sec &&
         changed.tv_nsec == other.changed.tv_nsec;
}

Result<SocketPattern> SocketPattern::parse(const std::string& text) {
  const auto hole = text.find(kHole);
  if (text.empty() || text.front() != '/' || text.back() == '/' || hole == std::string::npos ||
      text.find(kHole, hole + 1) != std::string::npos || text.find("//") != std::string::npos)
    return no_effect(Code::InvalidArgument, "vms.sockets is '" + text +
                                                "'; it must be the absolute path of a socket with exactly one {vm} in it, e.g. "
                                                "/run/vms/{vm}/qmp.sock");
  SocketPattern pattern;
  const auto slash = text.rfind('/', hole);
  pattern.before_ = text.substr(0, slash);
  pattern.prefix_ = text.substr(slash + 1, hole - slash - 1);
  const auto end = text.find('/', hole);
  pattern.suffix_ = text.substr(hole + kHole.size(), end == std::string::npos ? end : end - hole - kHole.size());
  if (end != std::string::npos) pattern.after_ = text.substr(end + 1);
  return pattern;
}

std::string SocketPattern::path_of(const std::string& vm) const {
  return before_ + "/" + prefix_ + vm + suffix_ + (after_.empty() ? "" : "/" + after_);
}

std::string SocketPattern::agent_path_of(const std::string& vm) const {
  if (after_.empty()) return {};
  const std::string path = path_of(vm);
  return path.substr(0, path.rfind('/')) + "/qga.sock";
}

std::map<std::string, SocketSight> SocketPattern::scan(const std::function<void(const std::string&)>& visit,
                                                       std::vector<std::string>& ignored) const {
  std::map<std::string, SocketSight> found;
  if (!visit_down("", std::string_view(before_).substr(before_.empty() ? 0 : 1), visit)) return found;
  const auto last = after_.rfind('/');
  const std::string_view below = last == std::string::npos ? std::string_view{} : std::string_view(after_).substr(0, last);
  std::error_code error;
  for (files::directory_iterator entry(before_.empty() ? "/" : before_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (name.size() < prefix_.size() + suffix_.size() || !name.starts_with(prefix_) || !name.ends_with(suffix_)) continue;
    const std::string id = name.substr(prefix_.size(), name.size() - prefix_.size() - suffix_.size());
    if (!is_vm_id(id)) {
      ignored.push_back(name);
      continue;
    }
    const std::string here = before_ + "/" + name;
    if (!after_.empty() && (!is_directory(here) || !visit_down(here, below, visit))) continue;
    if (auto socket = look_at(path_of(id))) found.emplace(id, std::move(*socket));
  }
  return found;
}

}  // namespace blockplug
