// SPDX-License-Identifier: Apache-2.0
// Any bytes as a CSI request: understood or refused, and what is understood is within its bounds. The first byte says which
// request.
#include <cstddef>
#include <cstdint>
#include <string>

#include "attach-detach/check.h"
#include "volume-plugin/csi/capabilities.h"
#include "volume-plugin/csi/capacity.h"
#include "volume-plugin/csi/names.h"
#include "volume-plugin/csi/node_requests.h"
#include "volume-plugin/csi/parameters.h"
#include "volume-plugin/door/ids.h"

namespace {
using namespace blockplug::csi;  // NOLINT(google-build-using-namespace)
const std::string kKubelet = "/var/lib/kubelet";
const Settings kSettings{
    .driver = "d", .version = "1", .node = "n", .kubelet_dir = kKubelet, .vm_id = "{pod.uid}", .has_node = true};

bool is_below(const std::string& path) { return path.starts_with("/var/lib/kubelet/") && path.find("/../") == std::string::npos; }

void check(const blockplug::Result<blockplug::WantedAttachment>& wanted) {
  if (!wanted.ok()) {
    CHECK(wanted.error().code == blockplug::Code::InvalidArgument && !wanted.error().message.empty());
    return;
  }
  CHECK(wanted->staging_path.empty() || is_below(wanted->staging_path));
  const bool is_in_vm = kind_of(wanted->target) == "vm";
  CHECK(!wanted->leaf || is_below(wanted->leaf->path) || (is_in_vm && wanted->leaf->path.starts_with("/run/blockplug/volumes/")));
  CHECK(!is_in_vm || blockplug::check_vm_id(name_of(wanted->target)).ok());
  CHECK(wanted->only_below == kKubelet);
}

void check(const blockplug::Result<std::optional<blockplug::WantedAttachment>>& wanted) {
  if (!wanted.ok()) return check(blockplug::Result<blockplug::WantedAttachment>(wanted.error()));
  if (wanted->has_value()) check(blockplug::Result<blockplug::WantedAttachment>(**wanted));
}

void check(const blockplug::Result<blockplug::WantedDetachment>& unwanted) {
  if (unwanted.ok()) CHECK(unwanted->leaf.empty() || is_below(unwanted->leaf));
}

void check_creation(const v1::CreateVolumeRequest& request) {
  (void)uses_of(request.volume_capabilities());
  (void)storage_class_of(request.parameters(), request.mutable_parameters());
  if (const auto size = size_for(request.capacity_range(), {.least = 1 << 20, .step = 512, .otherwise = 1 << 30}); size.ok()) {
    CHECK(*size > 0 && *size % 512 == 0);
    CHECK(is_within(request.capacity_range(), *size));
  }
  if (!check_name(request.name(), "name").ok()) return;
  const auto takes = [](const std::string& name) {
    return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  };
  const auto name = volume_name(request.name(), "ceph", takes);
  CHECK(takes(name) && name.size() + 5 <= kLongestVolumeId);
}

template <typename Message>
Message read(const std::string& bytes) {
  Message message;
  (void)message.ParsePartialFromString(bytes);  // what was read before the fault counts
  return message;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (*data % 5) {
    case 0: check(wanted(read<v1::NodeStageVolumeRequest>(bytes), kSettings)); break;
    case 1: check(wanted(read<v1::NodePublishVolumeRequest>(bytes), kSettings)); break;
    case 2: check(unwanted(read<v1::NodeUnpublishVolumeRequest>(bytes), kKubelet)); break;
    case 3: check(unwanted(read<v1::NodeUnstageVolumeRequest>(bytes), kKubelet)); break;
    default: check_creation(read<v1::CreateVolumeRequest>(bytes));
  }
  return 0;
}
