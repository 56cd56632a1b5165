// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/admin/watch.h"

#include "volume-plugin/admin/convert.h"

namespace blockplug::admin {

std::shared_ptr<WatchReactor> WatchReactor::make() {
  auto made = std::make_shared<WatchReactor>();
  made->self_ = made;
  return made;
}

bool WatchReactor::is_over() const {
  const std::lock_guard lock(mutex_);
  return is_over_;
}

void WatchReactor::tell(const AttachmentReport& report) {
  const std::lock_guard lock(mutex_);
  auto message = to_message(report);
  auto& told = told_[report.key];
  if (told.SerializeAsString() == message.SerializeAsString()) return;
  told = message;
  auto& event = pending_[report.key];
  event.set_gone(false);
  *event.mutable_attachment() = std::move(message);
  write_next();
}

void WatchReactor::tell_volume(const VolumeId& volume, const std::vector<AttachmentReport>& reports) {
  for (const auto& report : reports) tell(report);
  const std::lock_guard lock(mutex_);
  std::erase_if(told_, [&](const auto& told) {
    if (told.first.volume != volume) return false;
    for (const auto& report : reports)
      if (report.key == told.first) return false;
    auto& event = pending_[told.first];
    event.set_gone(true);
    *event.mutable_attachment() = told.second;
    return true;
  });
  write_next();
}

void WatchReactor::write_next() {
  if (is_writing_ || is_over_ || pending_.empty()) return;
  writing_ = std::move(pending_.begin()->second);
  pending_.erase(pending_.begin());
  is_writing_ = true;
  StartWrite(&writing_);
}

void WatchReactor::OnWriteDone(bool ok) {
  const auto keep = self_;  // OnDone may run as soon as the call is finished
  const std::lock_guard lock(mutex_);
  is_writing_ = false;
  if (ok) return write_next();
  if (!std::exchange(is_over_, true)) Finish(grpc::Status::OK);
}

void WatchReactor::OnCancel() {
  const auto keep = self_;
  const std::lock_guard lock(mutex_);
  if (!std::exchange(is_over_, true)) Finish(grpc::Status::CANCELLED);
}

void WatchReactor::OnDone() { auto last = std::move(self_); }

}  // namespace blockplug::admin
