// SPDX-License-Identifier: Apache-2.0
#pragma once
// A configured source of volumes, as the callers' surfaces see it. Orders (create, resize, delete) go through OrderPerformer, so
// that they are journalled; this is what is only read.
//
// Arguments of orders, everywhere: create "size_bytes"; clone "source" ("a" or "a@snapshot", of the same backend) and perhaps
// "size_bytes" and "flatten"="true"; both perhaps "type" and "zone" (see takes_types), and kCallersName; snapshot "snapshot" and,
// to delete it, "delete"="true"; resize "size_bytes"; modify "iops" and "bytes_per_second" (0: no limit; not there: as it is);
// delete perhaps "image"; fence perhaps "whole_node" (an address), and "node" (only what this node has) with "held_since" (and has
// taken no later). A backend that cannot do one answers Unimplemented, saying which backends can.
#include <map>
#include <string>
#include <vector>

#include "attach-detach/ids.h"
#include "attach-detach/order.h"
#include "attach-detach/outcome.h"

namespace blockplug {

// Argument of an order, and a detail of a volume: what its caller calls it, where the backend has it under another name. Kept with
// the image, for people.
inline constexpr const char* kCallersName = "called";

// Detail of a volume whose image is being fenced: from which node; kEveryNode: from all. Whoever orders it again finishes it.
inline constexpr const char* kFencedFrom = "fenced from";
inline constexpr const char* kEveryNode = "every node";

// Who may use the image now, as its hold says.
struct VolumeHolder {
  std::string node, target;  // "n1", "vm:web-0"
  Access access{};
  std::string since;                 // RFC 3339
  std::vector<std::string> clients;  // addresses in the storage network; "unknown": it could not be told
};

struct VolumeInfo {
  VolumeId id;
  std::int64_t size_bytes{};
  ImageId image;  // empty: not known before it is held; then a rung says it (roles::kImageId)
  WallClock::time_point created{};
  Facts details;                                              // for people: "path"
  std::map<std::string, std::int64_t, std::less<>> limits{};  // as Spec has them; none: not limited
  std::vector<VolumeHolder> holders{};
  std::vector<std::string> watchers{};  // addresses of clients that have it open and are not named by a holder
};

struct SnapshotInfo {
  std::string name;  // of the snapshot alone
  std::int64_t size_bytes{};
  WallClock::time_point created{};
  std::vector<std::string> clones;  // "volumes/b"
  bool is_ready{true};              // else it cannot be copied: it is being made, or that failed
};

// What somebody who sets it up should know: can its storage be reached, and may it be used?
struct BackendCheck {
  std::string name;  // "cloud of backend 'cinder'"
  bool is_ok{};
  std::string found;   // "project demo, volume API 3.54 at http://…"; or what is wrong
  std::string remedy;  // empty where it is ok
};

// Thread-safe; calls may block for as long as the backend's storage does, so never on the core thread.
class Backend : public OrderPerformer {
 public:
  // NotFound; DataLoss: only a rest is left, which Delete with an empty "image" takes away.
  virtual Result<VolumeInfo> find(const VolumeId& volume) = 0;
  virtual Result<std::vector<VolumeInfo>> list() = 0;
  virtual Result<std::vector<SnapshotInfo>> snapshots(const VolumeId& volume) = 0;  // oldest first; NotFound
  // Is this a name that a volume of this backend may have? InvalidArgument says what is wrong and what is allowed.
  virtual Status check_name(const std::string& name) const = 0;
  // False: it is a name that find() may know a volume by, and whose id says another one (VolumeInfo::id).
  virtual bool is_id(const std::string&) const { return true; }
  virtual bool chooses_ids() const { return false; }  // else a volume's id has the name that it was created with
  // Do Create and Clone take a "type" and a "zone"? InvalidArgument: no.
  virtual Status takes_types() const {
    return no_effect(Code::InvalidArgument, "volumes of this kind of backend have no type and no zone: leave them out");
  }
  virtual bool has_snapshots() const { return true; }  // and copies
  // Does it perform Modify? InvalidArgument says where such limits are set instead.
  virtual Status takes_limits() const { return Ok{}; }
  bool has_limits() const { return takes_limits().ok(); }
  // What a person does about a device on the host that cannot limit.
  virtual std::string way_to_limits() const { return "attach it to a VM"; }
  // Sizes are multiples of this many bytes.
  virtual std::int64_t size_step() const { return 512; }
  // Does no other machine have its volumes?
  virtual bool is_of_this_machine() const { return false; }
  // How many bytes more its volumes may have in all; Unimplemented: it cannot tell.
  virtual Result<std::int64_t> available_bytes() {
    return no_effect(Code::Unimplemented, "this kind of backend does not tell how much room it has");
  }
  virtual std::vector<BackendCheck> check() { return {}; }
};

}  // namespace blockplug
