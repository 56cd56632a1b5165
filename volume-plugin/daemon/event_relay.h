// SPDX-License-Identifier: Apache-2.0
#pragma once
// Events of adapters, which are made before the Volume Manager is, and may outlive it. Any thread.
#include <shared_mutex>

#include "attach-detach/events.h"

namespace blockplug {

class EventRelay : public EventSink {
 public:
  void set(EventSink* sink);  // when it returns, no call into the previous sink is running
  void touch_volume(const VolumeId& volume) override;
  void doubt_volume(const VolumeId& volume) override;
  void doubt_attachment(const AttachmentKey& attachment) override;
  void respec_volume(const VolumeId& volume, const SpecChange& seen, Time read_at) override;
  void doubt_target(const TargetId& target) override;

 private:
  std::shared_mutex mutex_;  // guards sink_
  EventSink* sink_{};
};

}  // namespace blockplug
