// SPDX-License-Identifier: Apache-2.0
#pragma once
// Private to this folder's .cc files: changing a hold by compare-and-set, as often as others come in between.
#include <functional>
#include <string>

#include "ceph/header.h"
#include "ceph/hold_record.h"

namespace blockplug::rbd {

struct Held {
  Header header;  // as it was when the hold was (found to be) so
  HoldRecord record;
};

// `change` says what the record is to be, given what is there; an error of it ends the update with nothing changed.
using HoldChange = std::function<Result<HoldRecord>(const HoldRecord& now, const Header& header)>;
Result<Held> update_hold(Pool& pool, const std::string& id, const HoldChange& change);

Holder* find_holder(HoldRecord& record, const std::string& node, const AttachmentKey& attachment);
const Holder* find_holder(const HoldRecord& record, const std::string& node, const AttachmentKey& attachment);

// Is its process proven to be gone, or the boot in which it ran? A kernel client ends with its boot only.
bool is_proven_dead(const Holder& holder, const Client& client);
const std::string& this_boot();

}  // namespace blockplug::rbd
