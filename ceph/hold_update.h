// SPDX-License-Identifier: Apache-2.0
#pragma once
// Private to this folder's .cc files: changing a hold by compare-and-set, as often as others come in between.
#include <functional>
#include <string>

#include "ceph/header.h"
#include "ceph/hold_record.h"

namespace blockplug::rbd {

class Connection;

struct Held {
  Header header;  // as it was when the hold was (found to be) so
  HoldRecord record;
};

// `change` says what the record is to be, given what is there; an error of it ends the update with nothing changed.
using HoldChange = std::function<Result<HoldRecord>(const HoldRecord& now, const Header& header)>;
Result<Held> update_hold(Pool& pool, const std::string& id, const HoldChange& change);

// Who we are: a name, which another machine may have been given by mistake (two fresh ones are both called "debian"), or another
// daemon of this host; where; and which machine, as a new one may have been given name and address of one that only hangs.
struct Self {
  std::string node, host, machine, state_dir;
};
Self self(const Connection& connection, const std::string& node);
// This daemon's, now or in an earlier boot. Everything else is somebody else's of our name, and may live.
bool is_ours(const Holder& holder, const Self& self);
Holder* find_holder(HoldRecord& record, const Self& self, const AttachmentKey& attachment);
const Holder* find_holder(const HoldRecord& record, const Self& self, const AttachmentKey& attachment);

// Is its process proven to be gone, or the boot in which it ran? A kernel client ends with its boot only.
bool is_proven_dead(const Holder& holder, const Client& client);
const std::string& this_boot();

}  // namespace blockplug::rbd
