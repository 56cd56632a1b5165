// SPDX-License-Identifier: Apache-2.0
#include "ceph/hold_update.h"

#include <algorithm>
#include <sstream>

#include "ceph/connection.h"
#include "hotplug/hash_text.h"
#include "hotplug/host/process/process.h"
#include "hotplug/host/text_file.h"

namespace blockplug::rbd {
namespace {
constexpr int kMostTries = 20;

// Hashed: the machine-id must not be published (machine-id(5)).
const std::string& this_machine() {
  static const std::string kId = [] {
    const auto line = first_line_of("/etc/machine-id");
    return line.empty() ? line : hash_text("blockplug " + line);
  }();
  return kId;
}
}  // namespace

Result<Held> update_hold(Pool& pool, const std::string& id, const HoldChange& change) {
  for (int tries = 0; tries < kMostTries; ++tries) {
    auto header = TRY(read_header(pool, id));
    const auto now = TRY(hold_record_from(header.hold));
    auto wanted = TRY(change(now, header));
    if (wanted == now) return Held{std::move(header), std::move(wanted)};
    const auto changed = change_hold(pool, id, header.hold, to_text(wanted));
    // Watchers are checked after the hold is ours: earlier clients are seen here, later ones see our hold.
    if (changed.ok()) {
      auto after = read_header(pool, id);
      if (!after.ok()) after.error().effect = Effect::Unknown;
      return Held{TRY(std::move(after)), std::move(wanted)};
    }
    if (changed.error().code != Code::Aborted) return changed.error();
  }
  return no_effect(Code::Unavailable, "the image's hold keeps being changed by others: try again");
}

Self self(const Connection& connection, const std::string& node) {
  return {node, host_of(connection.own_address()), this_machine(), connection.state_dir()};
}

bool is_ours(const Holder& holder, const Self& self) {
  const auto may_be = [](const std::string& theirs, const std::string& ours) {
    return theirs.empty() || ours.empty() || theirs == ours;
  };
  if (holder.node != self.node || !may_be(holder.state_dir, self.state_dir)) return false;
  return holder.boot == this_boot() || (may_be(holder.host, self.host) && may_be(holder.machine, self.machine));
}

const Holder* find_holder(const HoldRecord& record, const Self& self, const AttachmentKey& attachment) {
  const auto found = std::ranges::find_if(
      record.holders, [&](const Holder& holder) { return is_ours(holder, self) && holder.attachment == attachment; });
  return found == record.holders.end() ? nullptr : &*found;
}
Holder* find_holder(HoldRecord& record, const Self& self, const AttachmentKey& attachment) {
  return const_cast<Holder*>(find_holder(std::as_const(record), self, attachment));
}

bool is_proven_dead(const Holder& holder, const Client& client) {
  if (holder.boot != this_boot()) return true;
  if (client.process.empty()) return false;
  ProcessId process{.pid = 0, .start_time = 0, .boot_id = holder.boot};
  std::istringstream{client.process} >> process.pid >> process.start_time;
  return process.pid <= 0 || blockplug::is_proven_dead(process);
}

}  // namespace blockplug::rbd
