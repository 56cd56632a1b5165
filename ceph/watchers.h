// SPDX-License-Identifier: Apache-2.0
#pragma once
// Private to this folder's .cc files: which clients an image's watchers belong to. Addresses separated by ", "; empty: none. The
// daemon's own connection, which opens images briefly to change them, is never among them.
#include <map>
#include <string>
#include <vector>

#include "ceph/header.h"
#include "ceph/hold_record.h"

namespace blockplug::rbd {

class Connection;
struct Pool;

// Watchers that are not in the hold. `may_be_ours`: a watcher on this host may be the client that our entry does not list yet.
std::string foreign_watchers(const Connection& connection, const Header& header, const HoldRecord& record, const Holder& ours,
                             bool may_be_ours);
// Clients of our entry that are verifiably dead but still listed as watchers.
std::string watching_dead_clients(const Header& header, const Holder& ours);
// Watchers that are clients of our entry; if a client is unknown, also all watchers from this host that no other entry lists.
std::string watching_clients(const Connection& connection, const Header& header, const HoldRecord& record, const Holder& ours);
// Watchers on this host that no entry lists.
std::vector<std::string> unnamed_watchers_here(const Connection& connection, const Header& header, const HoldRecord& record);

// All images by name, with their ids; empty if the pool does not answer.
std::map<std::string, std::string> images_of(Pool& pool);

}  // namespace blockplug::rbd
