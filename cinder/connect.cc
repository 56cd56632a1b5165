// SPDX-License-Identifier: Apache-2.0
#include "cinder/connect.h"

#include <algorithm>

#include "attach-detach/number.h"
#include "attach-detach/printable.h"
#include "attach-detach/roles.h"
#include "attach-detach/volume_limits.h"
#include "cinder/rungs.h"

namespace blockplug::cinder {
namespace {
Patience patience_of(const Call& call) { return {call.deadline, call.stop}; }

Facts facts_of(const ConnectionInfo& connection) {
  return {{roles::kImagePool, connection.pool}, {roles::kImageNamespace, ""}, {roles::kImageName, connection.image}};
}

Error refuse(const std::string& why) { return no_effect(Code::FailedPrecondition, why); }
}  // namespace

decltype(Spec::limits) limits_from(const ConnectionInfo& connection) {
  decltype(Spec::limits) limits;
  const auto take = [&](const char* limit, const char* key) {
    const auto found = connection.qos.find(key);
    if (found == connection.qos.end()) return;
    const auto value = number_from<std::int64_t>(found->second);
    if (!value || *value <= 0 || !check_limit(limit, *value).ok()) return;
    const auto known = limits.find(limit);
    limits[limit] = known == limits.end() ? *value : std::min(known->second, *value);
  };
  for (const auto* key : {"total_iops_sec", "read_iops_sec", "write_iops_sec"}) take(kIops, key);
  for (const auto* key : {"total_bytes_sec", "read_bytes_sec", "write_bytes_sec"}) take(kBytesPerSecond, key);
  return limits;
}

Status Connect::check(const Call& call, const ConnectionInfo& connection) {
  if (connection.driver != "rbd")
    return refuse("its data is reached by the driver '" + printable(connection.driver) + "': only RBD is supported");
  if (connection.is_encrypted) {
    const auto volume = parts_.api.volume(name_of(call.key.volume), patience_of(call));
    return refuse("it is encrypted" +
                  (volume.ok() && !volume->type.empty() ? " (volume type '" + printable(volume->type) + "')" : "") +
                  ", which is not supported: use a volume of a type without encryption");
  }
  if (connection.access_mode == "ro" && call.spec.access == Access::ReadWrite)
    return refuse(
        "Cinder says that it is read-only (readonly=True in its metadata): attach it with --read-only, or have that changed");
  return Ok{};
}

Attempt Connect::raise(const Call& call) {
  const auto attachment = fact(call.below, kAttachmentFact);
  const Connector connector{parts_.node, call.spec.access == Access::ReadOnly};
  const auto read_at = Clock::now();
  const auto connected = parts_.api.connect(attachment, connector, patience_of(call));
  parts_.readings.forget(attachment);
  if (!connected.ok()) return connected.error();
  if (!connected->connection)
    return maybe_effect(Code::Unavailable, "connect attachment " + attachment + ": Cinder's answer does not say which image it is");
  const auto& connection = *connected->connection;
  const auto before = fact(call.before, roles::kImageName), pool_before = fact(call.before, roles::kImagePool);
  if (!before.empty() && (before != connection.image || pool_before != connection.pool))
    return refuse("Cinder names image " + connection.pool + "/" + connection.image + " now, but " + pool_before + "/" + before +
                  " is attached: detach the volume, and attach it again");
  if (const auto may = check(call, connection); !may.ok()) return may.error();
  parts_.events.respec_volume(call.key.volume, {.size_bytes = {}, .limits = limits_from(connection)}, read_at);
  return Done{facts_of(connection)};
}

Attempt Connect::lower(const Call&) { return Done{}; }

Finding Connect::probe(const Call& call) {
  const auto attachment = fact(call.below, kAttachmentFact);
  const bool was_up = call.before.contains(roles::kImageName);
  // What was up remembers which image it was.
  const auto missing = [&](const std::string& why) -> Finding {
    return {was_up ? Standing::Partial : Standing::Down, was_up ? call.before : Facts{}, why};
  };
  if (attachment.empty()) return missing("there is no attachment at Cinder");
  const auto found = parts_.readings.read(attachment, call.doubted_at, patience_of(call));
  if (!found.ok() && found.error().code == Code::NotFound) return missing("Cinder no longer has the attachment");
  if (!found.ok()) return {Standing::Unknown, call.before, found.error().message};
  if (!(*found)->connection || (*found)->status == "reserved") return missing("Cinder has not connected the attachment");
  // Connected, but the answer was lost: what it says has not been checked.
  if (!was_up) return {Standing::Partial, {}, "Cinder's answer was lost"};
  return {Standing::Up, call.before, {}};
}

Survey Connect::survey(Time) { return {}; }

}  // namespace blockplug::cinder
