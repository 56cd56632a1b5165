// SPDX-License-Identifier: Apache-2.0
#pragma once
// Private to this folder's .cc files: whose the watchers of an image are. Addresses separated by ", "; empty: none. Our daemon's
// own connection, which opens images for a moment to change them, is never among them.
#include <map>
#include <string>
#include <vector>

#include "ceph/header.h"
#include "ceph/hold_record.h"

namespace blockplug::rbd {

class Connection;
struct Pool;

// Of nobody who is named in the hold. `may_be_ours`: one on this host may be the client that our entry does not know yet.
std::string foreign_watchers(const Connection& connection, const Header& header, const HoldRecord& record, const Holder& ours,
                             bool may_be_ours);
// Clients named in our entry that are proven dead and that the cluster has not forgotten yet.
std::string watching_dead_clients(const Header& header, const Holder& ours);
// Clients of our entry that watch; where one is not known, whoever watches from this host and is not named by another entry.
std::string watching_clients(const Connection& connection, const Header& header, const HoldRecord& record, const Holder& ours);
// On this host and named by nobody.
std::vector<std::string> unnamed_watchers_here(const Connection& connection, const Header& header, const HoldRecord& record);

// All images by name, with their ids; none where the pool does not answer.
std::map<std::string, std::string> images_of(Pool& pool);

}  // namespace blockplug::rbd
