// SPDX-License-Identifier: Apache-2.0
#include <sys/xattr.h>

#include <cerrno>
#include <cstring>

#include "volume-plugin/doctor/checks.h"
#include "volume-plugin/doctor/system.h"

namespace blockplug::doctor {
// The record that a volume was formatted is an extended attribute of its file: without it, Blockplug formats nothing.
Check check_attributes(const std::string& backend, const std::string& directory) {
  const auto there = lowest_existing(directory);
  Check check{"attributes, " + backend, State::Missing, {}, {}, "formatting volumes of " + backend};
  const auto file = new_file_in(there);
  if (!file.is_open()) {
    check.found = "cannot create a file in " + there + ": " + std::strerror(errno);
    check.remedy = "set backends." + backend + ".path to a writable directory";
    return check;
  }
  if (::fsetxattr(file.get(), "trusted.blockplug.doctor", "x", 1, 0) == 0) {
    check.state = State::Ok;
    check.found = there + " supports extended attributes";
    return check;
  }
  const int error = errno;
  check.found = there + " does not support extended attributes (trusted.*): " + std::strerror(error);
  check.remedy = error == EPERM ? std::string("run as root") : "set backends." + backend + ".path to a directory on ext4 or xfs";
  return check;
}

}  // namespace blockplug::doctor
