// SPDX-License-Identifier: Apache-2.0
#pragma once
// Private to this folder's .cc files: changes a hold by compare-and-set, and retries when another client was faster.
#include <functional>
#include <string>

#include "ceph/header.h"
#include "ceph/hold_record.h"

namespace blockplug::rbd {

class Connection;

struct Held {
  Header header;  // as read when the hold had this value
  HoldRecord record;
};

// `change` computes the new record from the current one; its error ends the update without a change.
using HoldChange = std::function<Result<HoldRecord>(const HoldRecord& now, const Header& header)>;
Result<Held> update_hold(Pool& pool, const std::string& id, const HoldChange& change);

// This daemon's identity. The node name alone is not unique: another machine may have it by mistake (two new ones are both called
// "debian"), or another daemon on this host. A new machine may even have the name and address of one that only hangs.
struct Self {
  std::string node, host, machine, state_dir;
};
Self self(const Connection& connection, const std::string& node);
// Does the entry belong to this daemon, in this or an earlier boot? Other entries with our node name may belong to a living daemon.
bool is_ours(const Holder& holder, const Self& self);
Holder* find_holder(HoldRecord& record, const Self& self, const AttachmentKey& attachment);
const Holder* find_holder(const HoldRecord& record, const Self& self, const AttachmentKey& attachment);

// Has its process, or the boot in which it ran, verifiably ended? A kernel client ends only with its boot.
bool is_proven_dead(const Holder& holder, const Client& client);

}  // namespace blockplug::rbd
