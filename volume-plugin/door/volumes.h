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
    std::string source{};        // "ceph/a" or "ceph/a@before"
    bool is_flattened{};         // the copy does not depend on the source
    std::string type{}, zone{};  // empty: the backend's defaults
    std::string callers_name{};  // see kCallersName; empty: its name
  };
  struct Listing {
    std::vector<VolumeInfo> volumes;
    std::vector<std::string> problems;  // backends that did not answer
  };

  VolumeDoor(const Calls& calls, const BackendLookups& lookups) : calls_(calls), lookups_(lookups) {}
  DoorCallPtr create(const Create& wanted, Time deadline, VolumeAnswer answer);
  // Name: of a volume that Blockplug did not create, a name is not enough.
  enum class NamedBy : std::uint8_t { Id, Name };
  DoorCallPtr remove(const std::string& volume, const std::string& operation, Time deadline, StatusAnswer answer,
                     NamedBy named = NamedBy::Id);
  void find(const std::string& volume, const VolumeAnswer& answer);
  // The id of a volume that a person may have named otherwise (Backend::is_id); a text that is no name of one is passed on as it
  // is.
  void identify(const std::string& text, const std::function<void(Result<std::string>)>& answer);
  void list(const std::string& backend, std::function<void(Result<Listing>)> answer);  // empty: of all backends
  void available_bytes(const std::string& backend, std::function<void(Result<std::int64_t>)> answer);

 private:
  std::optional<Facts> deletion_of(const VolumeId& volume) const;
  Result<OrderRequest> creation(const Create& wanted) const;
  Result<OrderRequest> copying(const Create& wanted) const;
  const Calls& calls_;
  const BackendLookups& lookups_;
};

}  // namespace blockplug
