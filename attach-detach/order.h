// SPDX-License-Identifier: Apache-2.0
#pragma once
// An order: a one-shot act on a volume. It goes through the same journal as rungs: written down, performed (again after a crash,
// so performing is idempotent), reported once, forgotten.
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "attach-detach/ids.h"
#include "attach-detach/outcome.h"
#include "attach-detach/rung.h"

namespace blockplug {

enum class OrderKind : std::uint8_t { Create, Clone, Snapshot, Resize, Modify, Delete, Fence };
const char* to_text(OrderKind kind);  // "create"
std::optional<OrderKind> order_kind_from_text(const std::string& text);

struct Order {
  std::int64_t id{};  // given by the Volume Manager, never used twice
  VolumeId volume;
  OrderKind kind{};
  Facts arguments;  // checked at the door; Create and Resize: "size_bytes"; see the backends for theirs
  bool operator==(const Order&) const = default;
};

struct OrderCall {
  const Order& order;
  const Facts& before;  // what an earlier attempt kept
  Time deadline;
  std::stop_token stop;
  std::string_view operation;
  Journal& journal;
};

// Facts of a Done order that the core itself reads: "image" (what is there now, empty after Delete), "size_bytes" (Create, Resize),
// "id" (Create, Clone: the volume's name in its id, where the backend chose it), and of Modify "limit.<name>": all limits that the
// volume has from now on, as Spec::limits names them.
class OrderPerformer {
 public:
  virtual ~OrderPerformer() = default;
  virtual Attempt perform(const OrderCall& call) = 0;
};

}  // namespace blockplug
