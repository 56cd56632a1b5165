// SPDX-License-Identifier: Apache-2.0
#pragma once
// What adapters tell the core: QMP events, inotify, pidfds, late replies. Thread-safe, never blocks, coalesces.
#include "attach-detach/ids.h"
#include "attach-detach/rung.h"

namespace blockplug {

class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void touch_volume(const VolumeId& volume) = 0;               // something changed: plan again, whatever was waited for
  virtual void doubt_volume(const VolumeId& volume) = 0;               // what we believe of it may be wrong: probe
  virtual void doubt_attachment(const AttachmentKey& attachment) = 0;  // the same for the volume at this target alone
  // The image was seen to have this size or these limits, whoever changed them, by a reading that began at `read_at`: what is
  // attached follows, unless an order has changed them since. May be told again and again.
  virtual void respec_volume(const VolumeId& volume, const SpecChange& seen, Time read_at) = 0;
  virtual void doubt_target(const TargetId& target) = 0;  // the same for all at this target (a VM came, went, reconnected)
};

}  // namespace blockplug
