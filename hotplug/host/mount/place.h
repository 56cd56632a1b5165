// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where a target is: the directory that it is in, held open, and its name there. It is found without following any symbolic link,
// and used by its descriptor from then on, so nothing that is linked or renamed meanwhile leads root elsewhere.
#include <string>

#include "attach-detach/outcome.h"
#include "hotplug/host/file_descriptor.h"
#include "hotplug/host/mount/mount_table.h"

namespace blockplug::mount {

class Place {
 public:
  // `path`: as resolve() gave it, so that no part of it was a link then. FailedPrecondition: one is a link now; the message names
  // it. NotFound: its directory does not exist.
  static Result<Place> find(const std::string& path);

  int directory() const { return directory_.get(); }
  const std::string& name() const { return name_; }
  const std::string& path() const { return path_; }  // for messages
  // For calls that take no descriptor: "/proc/self/fd/7/data". Whether its last part is followed is up to the call.
  std::string through_proc() const;
  // The thing itself, by O_PATH; never what a link leads to. Not open: errno says why.
  FileDescriptor open(int flags = 0) const;
  // Is this still the mount here? FailedPrecondition: another one is, or none. Accesses no file system.
  Status check_has(const Mount& mount) const;

 private:
  Place(FileDescriptor directory, std::string name, std::string path)
      : directory_(std::move(directory)), name_(std::move(name)), path_(std::move(path)) {}
  FileDescriptor directory_;
  std::string name_, path_;
};

// By O_PATH, without following a link anywhere in `path`, which may be relative to `directory`. Not open: errno says why; ELOOP: a
// link.
FileDescriptor open_without_links(int directory, const std::string& path, int flags);

// A descriptor as a path, for calls that take only one: "/proc/self/fd/7".
std::string through_proc(int descriptor);

}  // namespace blockplug::mount
