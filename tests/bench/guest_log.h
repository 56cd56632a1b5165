// SPDX-License-Identifier: Apache-2.0
#pragma once
// The console output of a lab VM's guest about its disks (tests/lab/pod-init), so that a disk is unplugged only after the guest has
// taken it.
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug::bench {

class GuestLog {
 public:
  explicit GuestLog(std::string path)  // what it says already is of others before
      : path_(std::move(path)), disks_(count(kDisk)), gone_(count(kGone)), bytes_(count(kByte)) {}
  Status wait_for_disk() { return wait_for(kDisk, ++disks_); }
  Status wait_for_byte() { return wait_for(kByte, ++bytes_); }  // see FirstByte
  Status wait_for_none() { return wait_for(kGone, ++gone_); }

 private:
  static constexpr const char *kDisk = "GUEST-DISK", *kGone = "GUEST-GONE", *kByte = "GUEST-BYTE";
  std::size_t count(const std::string& word) const;
  Status wait_for(const std::string& word, std::size_t wanted);
  std::string path_;
  std::size_t disks_, gone_, bytes_;  // in the log by the guest's next word
};

}  // namespace blockplug::bench
