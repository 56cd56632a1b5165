// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/csi/ids.h"

#include "attach-detach/printable.h"

namespace blockplug::csi {
namespace {
Error unknown(const std::string& what, const std::string& id, const std::string& why) {
  return no_effect(Code::NotFound, "there is no " + what + " '" + printable(id) + "': " + why);
}
}  // namespace

Result<VolumeId> check_form(const BackendsByName& backends, const std::string& id) {
  if (const auto form = check_volume_id(id); !form.ok()) return unknown("volume", id, form.error().message);
  VolumeId volume(id);
  const auto backend = backends.find(backend_of(volume));
  if (backend == backends.end())
    return no_effect(Code::FailedPrecondition, "volume '" + printable(id) + "': backend '" + printable(backend_of(volume)) +
                                                   "' is not configured: add it to the configuration of blockplugd");
  if (const auto name = backend->second->check_name(name_of(volume)); !name.ok())
    return unknown("volume", id, name.error().message);
  return volume;
}

Result<SnapshotId> check_snapshot_form(const BackendsByName& backends, const std::string& id) {
  auto parsed = parse_snapshot_id(id);
  if (!parsed.ok()) return unknown("snapshot", id, parsed.error().message);
  TRY(check_form(backends, parsed->volume));
  return parsed;
}

}  // namespace blockplug::csi
