// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the hold on an image says: who has it, since when, by which clients; or that somebody fences it, or deletes it. Small JSON
// in one attribute, so that every change is one compare-and-set on the whole of it. Plain data and its text; asks nobody.
#include <string>
#include <vector>

#include "attach-detach/outcome.h"
#include "attach-detach/rung.h"

namespace blockplug::rbd {

// A client of the cluster that opened the image.
struct Client {
  std::string address;  // "192.0.2.7:0/1234567"; empty: it could not be told
  std::string process;  // "<pid> <start time>" on the holder's host; empty: a kernel client, or not known
  bool operator==(const Client&) const = default;
};

// A process that is not there any more, whichever it was.
inline constexpr const char* kDeadProcess = "0 0";

struct Holder {
  std::string node;
  std::string host{};  // the node's address in the storage network, when this was written: "192.0.2.7"
  std::string machine{};    // a hash of its machine-id; empty: it has none
  std::string state_dir{};  // of the daemon
  AttachmentKey attachment;
  Access access{};
  std::string boot;       // of the node, then
  std::string since;      // RFC 3339, when it was first taken
  bool may_be_opening{};  // about to open, or it did and does not know yet as which client
  std::vector<Client> clients{};
  bool operator==(const Holder&) const = default;
};

struct HoldRecord {
  std::vector<Holder> holders{};       // several only where all read
  std::string fencing{};               // the node that fences the holders; they stay named until that is complete
  std::vector<std::string> victims{};  // what that fence shuts out: addresses as the blocklist has them
  std::string deleting{};              // the node that deletes the image
  bool is_free() const { return holders.empty() && fencing.empty() && deleting.empty(); }
  bool operator==(const HoldRecord&) const = default;
};

std::string to_text(const HoldRecord& record);                 // empty where it is free
Result<HoldRecord> hold_record_from(const std::string& text);  // DataLoss: it is not understood

// Is this address that of a client named in it?
bool is_client_of(const HoldRecord& record, const std::string& address);

// "node n1 for ceph/a to vm:web-0, read-write, since 2026-01-02T03:04:05Z, as client 192.0.2.7:0/12"
std::string describe(const Holder& holder);
// All of it in one line; empty where it is free.
std::string describe(const HoldRecord& record);

std::string now_as_text();  // RFC 3339, UTC

}  // namespace blockplug::rbd
