// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the guest of a lab VM says of its disks (tests/lab/pod-init), so that a disk is only asked back once it was taken.
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug::bench {

class GuestLog {
 public:
  explicit GuestLog(std::string path) : path_(std::move(path)) {}
  Status wait_for_disk() { return wait_for("GUEST-DISK", ++disks_); }
  Status wait_for_none() { return wait_for("GUEST-GONE", ++gone_); }

 private:
  Status wait_for(const std::string& word, std::size_t count);
  std::string path_;
  std::size_t disks_{}, gone_{};  // in the log by the guest's next word
};

}  // namespace blockplug::bench
