// SPDX-License-Identifier: Apache-2.0
#pragma once
// The rung Connect: Cinder has told which image the volume is, at this attach (a migrated volume's image is not named after it),
// and knows which node will use it. Gives "image.pool" and "image.name" to what stands above.
//
// Nothing to lower: it goes with Reserve. Probed by GET: a PUT would take the volume back to "attaching". Made by the composition
// root; calls come on any worker thread, one at a time per volume.
#include <string>

#include "attach-detach/events.h"
#include "attach-detach/rung.h"
#include "cinder/api.h"
#include "cinder/readings.h"

namespace blockplug::cinder {

// The limits that a volume's QoS specs set, as Spec::limits names them. Where they tell reads from writes, the smaller one counts
// for both, so that neither is exceeded. What is not a limit of these is left out.
decltype(Spec::limits) limits_from(const ConnectionInfo& connection);

class Connect final : public Rung {
 public:
  struct Parts {
    Api& api;
    Readings& readings;
    EventSink& events;
    std::string node;
  };
  explicit Connect(Parts parts) : parts_(std::move(parts)) {}

  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  Survey survey(Time deadline) override;

 private:
  Status check(const Call& call, const ConnectionInfo& connection);

  const Parts parts_;
};

}  // namespace blockplug::cinder
