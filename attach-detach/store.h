// SPDX-License-Identifier: Apache-2.0
#pragma once
// What must outlive us: desired states, intents, facts that cannot be probed again, orders. Intent before effect.
//
// One commit is one transaction; commits become durable in the order in which they were given.
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "attach-detach/world.h"

namespace blockplug {

// The state of a rung as the store keeps it. Doubtful: a step on it may have begun; written ahead for all rungs of a climb, so that
// a whole attach waits for one commit. Everything but Up and Down reads as uncertain after a crash.
enum class StoredState : std::uint8_t { Doubtful, Raising, Up, Lowering };

struct PutVolume {
  VolumeId volume;
  ImageId image;
};
struct PutAttachment {  // the desired state with its leaves
  AttachmentKey key;
  Desired desired;
  std::int64_t desired_number{};
  bool ever_complete{};
  std::optional<Access> raised_as;
  WallClock::time_point first_desired{};
};
struct PutRung {
  AttachmentKey key;
  RungId rung;
  StoredState state{};
  Facts facts;
  WallClock::time_point since{};
};
struct ForgetRung {
  AttachmentKey key;
  RungId rung;
};
struct ForgetAttachment {
  AttachmentKey key;
};
struct PutOrder {
  Order order;
  Facts kept;
};
struct ForgetOrder {
  std::int64_t id{};
};
struct ForgetVolume {  // with everything of it
  VolumeId volume;
};
using Change = std::variant<PutVolume, PutAttachment, PutRung, ForgetRung, ForgetAttachment, PutOrder, ForgetOrder, ForgetVolume>;
using Changes = std::vector<Change>;

// What was found at start.
struct Saved {
  std::vector<Volume> volumes;  // rungs that are not Down have Belief::Unverified
  std::int64_t last_order{};    // the highest order id ever given
};

class Store {
 public:
  virtual ~Store() = default;
  virtual Result<Saved> load() = 0;  // before anything else; may block
  // On the core thread, never blocks. `told` comes on the core thread once the changes are durable, or with why they are not:
  // then none of them is in the store. Now: somebody waits for it. Soon: may wait a little for company.
  enum class Urgency : std::uint8_t { Now, Soon };
  virtual void commit(Changes changes, Urgency urgency, std::function<void(Status)> told) = 0;
  virtual Status keep(Change change) = 0;    // from a worker: blocks until durable
  virtual bool is_low_on_space() const = 0;  // nothing new should be begun
};

}  // namespace blockplug
