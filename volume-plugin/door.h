// SPDX-License-Identifier: Apache-2.0
#pragma once
// The door: checks what comes from outside, asks the volume's backend what is there, and hands the wish to the Volume Manager.
// The admin service uses it (and CSI will); neither gRPC nor a backend's kind is known here.
//
// Every call returns at once, from any thread; its answer comes on the core thread, exactly once, unless it was abandoned.
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/backend.h"
#include "attach-detach/volume_manager.h"

namespace blockplug {

// What the door needs to know of VMs.
class VmPresence {
 public:
  virtual ~VmPresence() = default;
  virtual Status check_present(const std::string& vm) const = 0;  // NotFound: no socket, with where it was looked for
};

// One call in progress: cancelling it leaves the wish as it is.
class DoorCall {
 public:
  bool is_over{};       // core thread only
  WaitId wait{};
};
using DoorCallPtr = std::shared_ptr<DoorCall>;

class Door {
 public:
  struct Parts {
    VolumeManager& manager;
    Runner& runner;
    std::map<std::string, Backend*> backends;  // by name; not owned
    const VmPresence& vms;
  };
  explicit Door(Parts parts) : parts_(std::move(parts)) {}

  // To a VM, and there perhaps to a path of the guest; or to a path of this host.
  struct Attach {
    std::string volume, vm, guest_path, path;
    bool may_wait_for_vm{}, is_block{};
    Access access{};
    std::string filesystem;                // "ext4", "xfs"; empty: what is there
    std::vector<std::string> mount_flags;  // of the path
    std::string operation;
  };
  struct Detach {
    std::string volume, vm, path;  // both empty: wherever it is
    bool by_force{};
    std::string operation;
  };
  struct Repair {
    std::string volume;  // empty: all
    bool is_dry_run{};
    std::string operation;
  };
  // Something that carries our mark and has no record, at one target.
  struct Orphan {
    AttachmentKey key;
    std::vector<std::string> things;
    bool is_repaired{};
    std::string problem;  // why it is not
  };
  struct Create {
    std::string name, backend;
    std::int64_t size_bytes{};  // 0, with a source: as big as that
    std::string operation;
    std::string source{};       // "ceph/a" or "ceph/a@before": made from that
    bool is_flattened{};        // and does not depend on it afterwards
  };
  // 0: no limit; none: as it is.
  struct Modify {
    std::string volume;
    std::optional<std::int64_t> iops, bytes_per_second;
    std::string operation;
  };
  struct Fence {
    std::string volume;
    std::string whole_node;  // an address of which every client is shut out; empty: those that are known
    std::string operation;
  };
  struct Snapshot {
    VolumeId volume;
    SnapshotInfo info;
  };
  using VolumeAnswer = std::function<void(Result<VolumeInfo>)>;
  using AttachmentAnswer = std::function<void(Result<AttachmentReport>)>;
  using StatusAnswer = std::function<void(Status)>;
  struct Listing {
    std::vector<VolumeInfo> volumes;
    std::vector<std::string> problems;  // backends that did not answer
  };

  struct SnapshotListing {
    std::vector<Snapshot> snapshots;
    std::vector<std::string> problems;
  };

  using SnapshotAnswer = std::function<void(Result<Snapshot>)>;
  using FenceAnswer = std::function<void(Result<std::vector<std::string>>)>;  // who was shut out; none: nobody held it
  using OrphansAnswer = std::function<void(Result<std::vector<Orphan>>)>;

  DoorCallPtr attach(const Attach& wanted, Time deadline, AttachmentAnswer answer);
  DoorCallPtr detach(const Detach& wanted, Time deadline, StatusAnswer answer);
  DoorCallPtr repair(const Repair& wanted, Time deadline, OrphansAnswer answer);
  DoorCallPtr create(const Create& wanted, Time deadline, VolumeAnswer answer);
  DoorCallPtr expand(const std::string& volume, std::int64_t size_bytes, const std::string& operation, Time deadline, VolumeAnswer answer);
  DoorCallPtr modify(const Modify& wanted, Time deadline, VolumeAnswer answer);
  DoorCallPtr fence(const Fence& wanted, Time deadline, FenceAnswer answer);
  DoorCallPtr create_snapshot(const std::string& volume, const std::string& name, const std::string& operation, Time deadline,
                              SnapshotAnswer answer);
  DoorCallPtr delete_snapshot(const std::string& snapshot, const std::string& operation, Time deadline, StatusAnswer answer);
  DoorCallPtr remove(const std::string& volume, const std::string& operation, Time deadline, StatusAnswer answer);
  void find(const std::string& volume, VolumeAnswer answer);
  void list(const std::string& backend, std::function<void(Result<Listing>)> answer);
  void list_snapshots(const std::string& volume, std::function<void(Result<SnapshotListing>)> answer);  // empty: of all volumes
  void cancel(const DoorCallPtr& call);  // any thread

 private:
  Result<Backend*> backend_of_volume(const VolumeId& volume) const;
  Result<std::string> backend_named(const std::string& name) const;
  Result<VolumeId> checked(const std::string& volume) const;
  // Runs the backend's look-up on its lane, then `next` on the core thread.
  void look_up(const VolumeId& volume, std::function<void(Result<VolumeInfo>)> next);
  // The same, and no longer than until the caller's deadline: a storage that does not answer is Unavailable, effect None.
  void look_up_until(Time deadline, const VolumeId& volume, std::function<void(Result<VolumeInfo>)> next);
  // Runs `check` on a worker of the volume's own (a path may hang), then `next` on the core thread.
  void check(const VolumeId& volume, std::function<Status()> check, std::function<void(Status)> next);
  bool is_orphan_of_ours(const AttachmentKey& key, const std::optional<RungId>& leaf) const;
  Status may_appear(const Attach& wanted, const std::optional<AttachmentReport>& existing) const;
  void attach_checked(const DoorCallPtr& call, const AttachRequest& request, Time deadline, const AttachmentAnswer& answer);
  std::vector<DetachRequest> requests_for(const AttachmentKey& key, const std::string& operation) const;
  Result<std::vector<AttachmentKey>> keys_of(const Detach& wanted) const;
  Result<OrderRequest> creation(const Create& wanted) const;
  Result<OrderRequest> copying(const Create& wanted) const;
  Result<Facts> limits_in(const Modify& wanted) const;
  Status may_limit(const VolumeId& volume) const;
  Status may_fence(const VolumeInfo& info) const;
  void order(const DoorCallPtr& call, OrderRequest request, OrderSettled settled);
  // Orders, and answers with the volume when every attachment shows what has changed.
  void order_and_show(const DoorCallPtr& call, OrderRequest request, const VolumeAnswer& answer);
  void wait_until_shown(const DoorCallPtr& call, const VolumeId& volume, std::function<void(Status)> done);
  // Runs `find` on the lane of a backend's look-ups, then `next` on the core thread.
  template <typename T>
  void ask_backend(const std::string& backend, std::function<Result<T>(Backend&)> find, std::function<void(Result<T>)> next,
                   const char* lane = "look-up:");
  template <typename T>
  std::function<void(Result<T>)> once(const DoorCallPtr& call, std::function<void(Result<T>)> answer);
  template <typename T>
  void limit(const DoorCallPtr& call, Time deadline, const VolumeId& volume, std::function<void(Result<T>)> answer);

  Parts parts_;
};

}  // namespace blockplug
