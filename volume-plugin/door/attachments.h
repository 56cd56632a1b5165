// SPDX-License-Identifier: Apache-2.0
#pragma once
// Attach and detach at the door: checks the request, asks the volume's backend what is there, and hands the desired state to the
// Volume Manager. The first of many paths decides for the trunk below them. Detach asks a backend only where nothing is attached:
// it must work while the backend is gone.
#include "attach-detach/ladder.h"
#include "volume-plugin/door/call.h"
#include "volume-plugin/door/lookups.h"
#include "volume-plugin/door/requests.h"
#include "volume-plugin/door/targets.h"

namespace blockplug {

class AttachmentDoor {
 public:
  using AttachmentAnswer = std::function<void(Result<AttachmentReport>)>;
  struct Parts {
    const Calls& calls;
    const BackendLookups& lookups;
    const Ladders& ladders;
    const Targets& targets;
  };
  explicit AttachmentDoor(const Parts& parts) : parts_(parts) {}
  DoorCallPtr attach(const WantedAttachment& wanted, Time deadline, AttachmentAnswer answer);
  DoorCallPtr detach(const WantedDetachment& wanted, Time deadline, StatusAnswer answer);

 private:
  struct Attaching;  // one call of attach
  void decide(const Attaching& attaching, const VolumeInfo& info) const;
  AttachRequest request_for(const WantedAttachment& wanted, const AttachmentKey& key, const VolumeInfo& info,
                            const std::optional<AttachmentReport>& existing) const;
  Status may_appear(const WantedAttachment& wanted, const std::optional<AttachmentReport>& existing) const;
  void submit(const Attaching& attaching, const AttachRequest& request) const;
  void take_down(const DoorCallPtr& call, const WantedDetachment& wanted, Time deadline, const StatusAnswer& answer) const;
  bool is_orphan(const AttachmentKey& key, const RungId& leaf) const;
  Parts parts_;
};

}  // namespace blockplug
