// SPDX-License-Identifier: Apache-2.0
#pragma once
// One `Watch` stream: changes not written yet are kept once per attachment, so a slow reader costs no memory.
#include <map>
#include <memory>
#include <mutex>

#include "attach-detach/report.h"
#include "volume-plugin/admin/admin.grpc.pb.h"

namespace blockplug::admin {

class WatchReactor : public grpc::ServerWriteReactor<v1::WatchEvent> {
 public:
  static std::shared_ptr<WatchReactor> make();
  void tell(const AttachmentReport& report);
  void tell_volume(const VolumeId& volume, const std::vector<AttachmentReport>& reports);  // attachments not in `reports` are gone
  bool is_over() const;

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  void write_next();  // with mutex_ held
  mutable std::mutex mutex_;
  std::map<AttachmentKey, v1::Attachment> told_;
  std::map<AttachmentKey, v1::WatchEvent> pending_;
  v1::WatchEvent writing_;
  bool is_writing_{}, is_over_{};
  std::shared_ptr<WatchReactor> self_;
};

}  // namespace blockplug::admin
