// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/daemon/event_relay.h"

#include <mutex>

namespace blockplug {

void EventRelay::set(EventSink* sink) {
  const std::unique_lock lock{mutex_};
  sink_ = sink;
}
void EventRelay::touch_volume(const VolumeId& volume) {
  const std::shared_lock lock{mutex_};
  if (sink_ != nullptr) sink_->touch_volume(volume);
}
void EventRelay::doubt_volume(const VolumeId& volume) {
  const std::shared_lock lock{mutex_};
  if (sink_ != nullptr) sink_->doubt_volume(volume);
}
void EventRelay::doubt_attachment(const AttachmentKey& attachment) {
  const std::shared_lock lock{mutex_};
  if (sink_ != nullptr) sink_->doubt_attachment(attachment);
}
void EventRelay::respec_volume(const VolumeId& volume, const SpecChange& seen, Time read_at) {
  const std::shared_lock lock{mutex_};
  if (sink_ != nullptr) sink_->respec_volume(volume, seen, read_at);
}

void EventRelay::doubt_target(const TargetId& target) {
  const std::shared_lock lock{mutex_};
  if (sink_ != nullptr) sink_->doubt_target(target);
}

}  // namespace blockplug
