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
#include <string>
#include <vector>

#include "attach-detach/volume_manager.h"
#include "volume-plugin/backend.h"

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

  struct AttachToVm {
    std::string volume, vm;
    bool may_wait_for_vm{};
    Access access{};
    std::string operation;
  };
  struct DetachFrom {
    std::string volume, vm;  // vm empty: wherever it is
    std::string operation;
  };
  struct Create {
    std::string name, backend;
    std::int64_t size_bytes{};
    std::string operation;
  };
  using VolumeAnswer = std::function<void(Result<VolumeInfo>)>;
  using AttachmentAnswer = std::function<void(Result<AttachmentReport>)>;
  using StatusAnswer = std::function<void(Status)>;
  struct Listing {
    std::vector<VolumeInfo> volumes;
    std::vector<std::string> problems;  // backends that did not answer
  };

  DoorCallPtr attach(const AttachToVm& wanted, Time deadline, AttachmentAnswer answer);
  DoorCallPtr detach(const DetachFrom& wanted, Time deadline, StatusAnswer answer);
  DoorCallPtr create(const Create& wanted, Time deadline, VolumeAnswer answer);
  DoorCallPtr expand(const std::string& volume, std::int64_t size_bytes, const std::string& operation, Time deadline, VolumeAnswer answer);
  DoorCallPtr remove(const std::string& volume, const std::string& operation, Time deadline, StatusAnswer answer);
  void find(const std::string& volume, VolumeAnswer answer);
  void list(const std::string& backend, std::function<void(Result<Listing>)> answer);
  void cancel(const DoorCallPtr& call);  // any thread

 private:
  Result<Backend*> backend_of_volume(const VolumeId& volume) const;
  Result<std::string> backend_named(const std::string& name) const;
  Result<VolumeId> checked(const std::string& volume) const;
  // Runs the backend's look-up on its lane, then `next` on the core thread.
  void look_up(const VolumeId& volume, std::function<void(Result<VolumeInfo>)> next);
  void order(const DoorCallPtr& call, OrderRequest request, OrderSettled settled);
  void wait_for_size(const DoorCallPtr& call, const VolumeId& volume, std::int64_t size_bytes, std::function<void(Status)> done);
  template <typename T>
  std::function<void(Result<T>)> once(const DoorCallPtr& call, std::function<void(Result<T>)> answer);
  template <typename T>
  void limit(const DoorCallPtr& call, Time deadline, const VolumeId& volume, std::function<void(Result<T>)> answer);

  Parts parts_;
};

}  // namespace blockplug
