// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/rung.h"

#include <array>

#include "attach-detach/order.h"

namespace blockplug {
namespace {

template <typename Enum, std::size_t N>
using Names = std::array<std::pair<Enum, const char*>, N>;

constexpr Names<Standing, 6> kStandings{{{Standing::Down, "down"},
                                         {Standing::Up, "up"},
                                         {Standing::Stale, "stale"},
                                         {Standing::Partial, "partial"},
                                         {Standing::Unknown, "unknown"},
                                         {Standing::Foreign, "foreign"}}};
constexpr Names<OrderKind, 7> kOrderKinds{{{OrderKind::Create, "create"},
                                           {OrderKind::Clone, "clone"},
                                           {OrderKind::Snapshot, "snapshot"},
                                           {OrderKind::Resize, "resize"},
                                           {OrderKind::Modify, "modify"},
                                           {OrderKind::Delete, "delete"},
                                           {OrderKind::Fence, "fence"}}};

template <typename Enum, std::size_t N>
const char* name_in(const Names<Enum, N>& names, Enum wanted) {
  for (const auto& [value, name] : names)
    if (value == wanted) return name;
  return "?";
}

template <typename Enum, std::size_t N>
std::optional<Enum> value_in(const Names<Enum, N>& names, const std::string& wanted) {
  for (const auto& [value, name] : names)
    if (wanted == name) return value;
  return std::nullopt;
}

}  // namespace

const char* to_text(Access access) { return access == Access::ReadOnly ? "read-only" : "read-write"; }
const char* to_text(Standing standing) { return name_in(kStandings, standing); }
const char* to_text(OrderKind kind) { return name_in(kOrderKinds, kind); }
std::optional<OrderKind> order_kind_from_text(const std::string& text) { return value_in(kOrderKinds, text); }

std::string to_text(const RungId& rung) { return rung.leaf.empty() ? rung.kind.str() : rung.kind.str() + " " + rung.leaf; }

}  // namespace blockplug
