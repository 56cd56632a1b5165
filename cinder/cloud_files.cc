// SPDX-License-Identifier: Apache-2.0
// The places and their order are those of openstacksdk, so that one clouds.yaml serves both.
#include "cinder/cloud_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "attach-detach/printable.h"
#include "cinder/cloud_section.h"

namespace blockplug::cinder {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;
constexpr std::size_t kMostNamed = 10;  // clouds in a message

Result<std::string> read_file(const std::string& path) {
  const auto failed = [&](int error) {
    return no_effect(error == ENOENT                     ? Code::NotFound
                     : error == EACCES || error == EPERM ? Code::PermissionDenied
                                                         : Code::InvalidArgument,
                     path + ": cannot be read: " + std::strerror(error));
  };
  std::error_code ignored;  // a pipe would block
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored))
    return no_effect(Code::InvalidArgument, path + ": cannot be read: it is not a regular file");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return failed(errno == 0 ? EIO : errno);
  std::string text(kMostBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return failed(errno == 0 ? EIO : errno);
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMostBytes)
    return no_effect(Code::InvalidArgument, path + ": is larger than 1 MiB; check that this is the right file");
  return text;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t at = 0; at < std::min(names.size(), kMostNamed); ++at) text += (at == 0 ? "" : ", ") + printable(names[at]);
  return names.size() > kMostNamed ? text + ", and others" : text;
}

}  // namespace

std::optional<std::string> environment_of_this_process(const std::string& name) {
  const auto* const value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

CloudFiles::CloudFiles(std::string cloud, Environment environment, std::string system_directory)
    : cloud_(std::move(cloud)), environment_(std::move(environment)), system_directory_(std::move(system_directory)) {}

std::string CloudFiles::variable(const std::string& name) const { return environment_(name).value_or(""); }

std::string CloudFiles::cloud_name() const { return cloud_.empty() ? variable("OS_CLOUD") : cloud_; }

std::vector<std::string> CloudFiles::places(const std::string& file) const {
  std::vector<std::string> places, directories{"."};
  const auto given = variable(file == "clouds" ? "OS_CLIENT_CONFIG_FILE" : "OS_CLIENT_SECURE_FILE");
  if (!given.empty()) places.push_back(given);
  if (const auto config = variable("XDG_CONFIG_HOME"); !config.empty()) directories.push_back(config + "/openstack");
  if (const auto home = variable("HOME"); !home.empty()) directories.push_back(home + "/.config/openstack");
  directories.push_back(system_directory_);
  for (const auto& directory : directories)
    for (const auto* suffix : {".yaml", ".yml", ".json"}) places.push_back(directory + "/" + file + suffix);
  return places;
}

CloudFiles::Stamp CloudFiles::stamp_of(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return {.path = path};
  return {.path = path,
          .inode = static_cast<std::int64_t>(found.st_ino),
          .size_bytes = found.st_size,
          .changed_ns = std::int64_t{found.st_ctim.tv_sec} * 1'000'000'000 + found.st_ctim.tv_nsec};
}

std::vector<CloudFiles::Stamp> CloudFiles::stamps_of(const std::string& file) const {
  std::vector<Stamp> stamps;
  for (const auto& place : places(file)) {
    stamps.push_back(stamp_of(place));
    if (stamps.back().inode != 0) break;
  }
  return stamps;
}

Error CloudFiles::no_clouds(const std::string& cloud) const {
  std::string looked;
  for (const auto& place : places("clouds")) {
    if (!place.ends_with(".yaml") && place != variable("OS_CLIENT_CONFIG_FILE")) continue;
    struct stat found {};
    const int error = ::stat(place.c_str(), &found) == 0 ? 0 : errno;
    looked += (looked.empty() ? "" : ", ") + place;
    if (error != 0 && error != ENOENT && error != ENOTDIR) looked += std::string(" (") + std::strerror(error) + ")";
  }
  return no_effect(Code::NotFound, "cloud '" + printable(cloud) + "': there is no clouds.yaml; looked for " + looked +
                                       ", and the same with .yml and .json");
}

// From `clouds` with `secure` over it; one of them may be empty: there is no such file.
Result<CloudSettings> CloudFiles::read_files(const std::string& cloud, const std::string& clouds, const std::string& secure) const {
  CloudSection whole;
  bool is_found = false;
  std::vector<std::string> names;
  for (const auto& path : {clouds, secure}) {
    if (path.empty()) continue;
    const auto text = TRY(read_file(path));
    const auto found = TRY(find_cloud(text, path, cloud));
    names.insert(names.end(), found.names.begin(), found.names.end());
    if (!found.section) continue;
    merge(whole, *found.section);
    is_found = true;
  }
  if (!is_found)
    return no_effect(Code::NotFound, (clouds.empty() ? secure : clouds) + ": has no cloud '" + printable(cloud) + "'; it has " +
                                         (names.empty() ? "none" : listed(names)));
  return settings_of(std::move(whole));
}

Result<CloudSettings> CloudFiles::read_variables() const {
  CloudSettings settings;
  for (const auto& name : setting_names()) {
    auto upper = "OS_" + name;
    for (auto& letter : upper)
      if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
    if (auto value = variable(upper); !value.empty()) settings.emplace(name, std::move(value));
  }
  if (!settings.empty()) return settings;
  return no_effect(Code::NotFound,
                   "no cloud is configured: name one of clouds.yaml (in the configuration, or in OS_CLOUD), or set OS_AUTH_URL and "
                   "the other OS_* variables");
}

Result<Credentials> CloudFiles::credentials(CloudSettings settings, const std::string& source) const {
  for (const auto* name : {"cacert", "cert", "key"}) {
    const auto found = settings.find(name);
    if (found != settings.end() && found->second.starts_with("~/") && !variable("HOME").empty())
      found->second = variable("HOME") + found->second.substr(1);
  }
  return credentials_from(settings, source);
}

Result<Credentials> CloudFiles::read() {
  const auto cloud = cloud_name();
  clouds_.clear();
  secure_.clear();
  if (cloud.empty()) return credentials(TRY(read_variables()), kOsVariables);
  clouds_ = stamps_of("clouds");  // before the files are read: what changes meanwhile has changed
  secure_ = stamps_of("secure");
  const auto path_of = [](const std::vector<Stamp>& stamps) { return stamps.back().inode == 0 ? "" : stamps.back().path; };
  const auto clouds = path_of(clouds_), secure = path_of(secure_);
  if (clouds.empty() && secure.empty()) return no_clouds(cloud);
  return credentials(TRY(read_files(cloud, clouds, secure)),
                     "cloud '" + printable(cloud) + "' (" + (clouds.empty() ? secure : clouds) + ")");
}

bool CloudFiles::have_changed() const {
  return !cloud_name().empty() && (stamps_of("clouds") != clouds_ || stamps_of("secure") != secure_);
}

}  // namespace blockplug::cinder
