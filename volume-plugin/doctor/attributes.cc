// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "volume-plugin/doctor/checks.h"
#include "volume-plugin/doctor/system.h"
#include "volume-plugin/local/descriptor.h"

namespace blockplug::doctor {
namespace {
// Without a name where the file system can, else with one for a moment.
local::Descriptor new_file(const std::string& directory) {
  local::Descriptor nameless(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (nameless.is_open()) return nameless;
  auto name = directory + "/.blockplug-doctor-XXXXXX";
  local::Descriptor named(::mkostemp(name.data(), O_CLOEXEC));
  if (named.is_open()) ::unlink(name.c_str());
  return named;
}
}  // namespace

// The record that a volume was formatted is an attribute of its file: without it, Blockplug formats nothing.
Check check_attributes(const std::string& backend, const std::string& directory) {
  const auto there = lowest_existing(directory);
  Check check{"attributes, " + backend, State::Missing, {}, {}, "formatting volumes of " + backend};
  const auto file = new_file(there);
  if (!file.is_open()) {
    check.found = "no file can be made in " + there + ": " + std::strerror(errno);
    check.remedy = "set backends." + backend + ".path to a directory that can be written to";
    return check;
  }
  if (::fsetxattr(file.get(), "trusted.blockplug.doctor", "x", 1, 0) == 0) {
    check.state = State::Ok;
    check.found = there + " keeps extended attributes";
    return check;
  }
  const int error = errno;
  check.found = there + " does not keep extended attributes (trusted.*): " + std::strerror(error);
  check.remedy = error == EPERM ? std::string("run as root") : "set backends." + backend + ".path to a directory on ext4 or xfs";
  return check;
}

}  // namespace blockplug::doctor
