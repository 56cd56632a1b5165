// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where credentials come from: a cloud of clouds.yaml (with secure.yaml beside it), or the OS_* variables of this process. Vendor
// profiles are not supported. The files are read again when they change.
//
// Owned by a Session, used under its lock; file reads only.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cinder/credentials.h"

namespace blockplug::cinder {

// "OS_AUTH_URL" → its value; nullopt: not set. A seam for tests.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
std::optional<std::string> environment_of_this_process(const std::string& name);

class CloudFiles {
 public:
  // `cloud`: its name in clouds.yaml; empty: OS_CLOUD, or else the OS_* variables themselves. `system_directory`: a seam for tests.
  explicit CloudFiles(std::string cloud, Environment environment = environment_of_this_process,
                      std::string system_directory = "/etc/openstack");

  // NotFound: no clouds.yaml, or no such cloud in it (it names those that there are). InvalidArgument: not YAML, or see
  // credentials_from. PermissionDenied: unreadable. Every message names the file.
  Result<Credentials> read();

  // Has a file that read() used, or would prefer now, changed since (time of change, size, inode)?
  bool have_changed() const;

 private:
  struct Stamp {
    std::string path;
    std::int64_t inode{}, size_bytes{}, changed_ns{};  // all 0: the file is not there
    bool operator==(const Stamp&) const = default;
  };
  static Stamp stamp_of(const std::string& path);
  std::string variable(const std::string& name) const;  // empty: not set
  std::string cloud_name() const;
  std::vector<std::string> places(const std::string& file) const;
  std::vector<Stamp> stamps_of(const std::string& file) const;  // up to the first that is there: the rest does not count
  Result<CloudSettings> read_files(const std::string& cloud, const std::string& clouds, const std::string& secure) const;
  Result<CloudSettings> read_variables() const;
  Result<Credentials> credentials(CloudSettings settings, const std::string& source) const;
  Error no_clouds(const std::string& cloud) const;

  const std::string cloud_;
  const Environment environment_;
  const std::string system_directory_;
  std::vector<Stamp> clouds_, secure_;  // as read() found them
};

}  // namespace blockplug::cinder
