// SPDX-License-Identifier: Apache-2.0
#pragma once
// Volumes at the door: they come, are shown, and go.
#include <string>
#include <vector>

#include "volume-plugin/door/call.h"
#include "volume-plugin/door/lookups.h"

namespace blockplug {

class VolumeDoor {
 public:
  struct Create {
    std::string name, backend;  // no backend, with a source: the source's
    std::int64_t size_bytes{};  // 0, with a source: the source's size
    std::string operation;
    std::string source{};  // "ceph/a" or "ceph/a@before"
    bool is_flattened{};   // the copy does not depend on the source
  };
  struct Listing {
    std::vector<VolumeInfo> volumes;
    std::vector<std::string> problems;  // backends that did not answer
  };

  VolumeDoor(const Calls& calls, const BackendLookups& lookups) : calls_(calls), lookups_(lookups) {}
  DoorCallPtr create(const Create& wanted, Time deadline, VolumeAnswer answer);
  DoorCallPtr remove(const std::string& volume, const std::string& operation, Time deadline, StatusAnswer answer);
  void find(const std::string& volume, VolumeAnswer answer);
  void list(const std::string& backend, std::function<void(Result<Listing>)> answer);  // empty: of all backends

 private:
  Result<OrderRequest> creation(const Create& wanted) const;
  Result<OrderRequest> copying(const Create& wanted) const;
  const Calls& calls_;
  const BackendLookups& lookups_;
};

}  // namespace blockplug
