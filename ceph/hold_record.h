// SPDX-License-Identifier: Apache-2.0
#pragma once
// The record of an image's hold: who holds it, since when, with which clients; or that a node is fencing or deleting it. Small JSON
// in one attribute, so that every change is one compare-and-set of the whole record. Plain data and its text; no I/O.
#include <string>
#include <vector>

#include "attach-detach/outcome.h"
#include "attach-detach/rung.h"

namespace blockplug::rbd {

// A Ceph client that opened the image.
struct Client {
  std::string address;  // "192.0.2.7:0/1234567"; empty: not identified
  std::string process;  // "<pid> <start time>" on the holder's host; empty: a kernel client, or unknown
  bool operator==(const Client&) const = default;
};

// Stands for a process that has ended.
inline constexpr const char* kDeadProcess = "0 0";

struct Holder {
  std::string node;
  std::string host{};       // the node's address in the storage network when this was written: "192.0.2.7"
  std::string machine{};    // a hash of its machine-id; empty: none
  std::string state_dir{};  // of the daemon
  AttachmentKey attachment;
  Access access{};
  std::string boot;       // the node's boot id when this was written
  std::string since;      // RFC 3339, when it was first taken
  bool may_be_opening{};  // about to open it, or has opened it and does not know yet as which client
  std::vector<Client> clients{};
  bool operator==(const Holder&) const = default;
};

struct HoldRecord {
  std::vector<Holder> holders{};       // several only if all are readers
  std::string fencing{};               // the node that is fencing the holders; they stay listed until that is complete
  std::string fenced_node{};           // only the holders of this node are fenced; empty: all
  std::vector<std::string> victims{};  // the clients that the fence blocklists: addresses as on the blocklist
  std::string deleting{};              // the node that is deleting the image
  bool is_free() const { return holders.empty() && fencing.empty() && deleting.empty(); }
  bool fences(const Holder& holder) const { return !fencing.empty() && (fenced_node.empty() || holder.node == fenced_node); }
  bool operator==(const HoldRecord&) const = default;
};

std::string to_text(const HoldRecord& record);                 // empty: free
Result<HoldRecord> hold_record_from(const std::string& text);  // DataLoss: it cannot be parsed

// Is this the address of a client in the record?
bool is_client_of(const HoldRecord& record, const std::string& address);

// "node n1 for ceph/a to vm:web-0, read-write, since 2026-01-02T03:04:05Z, as client 192.0.2.7:0/12"
std::string describe(const Holder& holder);
// The whole record in one line; empty: free.
std::string describe(const HoldRecord& record);

std::string now_as_text();  // RFC 3339, UTC

}  // namespace blockplug::rbd
