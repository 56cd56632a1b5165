// SPDX-License-Identifier: Apache-2.0
#pragma once
// A program that calls the daemon through one lasting gRPC connection. Calls block; any thread, several at a time.
#include <memory>
#include <string>
#include <vector>

#include "attach-detach/ids.h"
#include "attach-detach/outcome.h"

namespace blockplug::bench {

class AdminCaller {
 public:
  static Result<std::unique_ptr<AdminCaller>> connect(const std::string& socket);  // has an answer when it returns
  ~AdminCaller();

  Status greet();
  Status create(const std::string& name, std::int64_t size_bytes);
  Status attach(const AttachmentKey& key);  // a VM that is not there is waited for
  Status detach(const AttachmentKey& key);
  Status attach_guest(const AttachmentKey& key, const std::string& guest_path);  // mounted there; detach takes all of it down
  Status attach_path(const VolumeId& volume, const std::string& path);           // on the host
  Status detach_path(const VolumeId& volume, const std::string& path);
  Status remove(const VolumeId& volume);
  Result<std::size_t> queued();    // steps and orders that run or wait
  Result<std::size_t> attached();  // attachments that are as desired

  Status attach_all(const std::vector<AttachmentKey>& keys);  // 64 calls at a time
  Status detach_all(const std::vector<AttachmentKey>& keys);

 private:
  struct Connection;
  explicit AdminCaller(std::unique_ptr<Connection> connection);
  Status each(const std::vector<AttachmentKey>& keys, Status (AdminCaller::*call)(const AttachmentKey&));
  std::unique_ptr<Connection> connection_;
};

}  // namespace blockplug::bench
