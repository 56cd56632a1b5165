// SPDX-License-Identifier: Apache-2.0
#pragma once
// The rung Confirm: Cinder knows that the volume is in use, and so extends it while it is.
//
// Nothing to lower: it goes with the disk below it; Reserve takes the attachment away. Repeating it is harmless. Made by the
// composition root; calls come on any worker thread, one at a time per volume.
#include "attach-detach/rung.h"
#include "cinder/api.h"
#include "cinder/readings.h"

namespace blockplug::cinder {

class Confirm final : public Rung {
 public:
  Confirm(Api& api, Readings& readings) : api_(api), readings_(readings) {}

  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  Survey survey(Time deadline) override;

 private:
  Api& api_;
  Readings& readings_;
};

}  // namespace blockplug::cinder
