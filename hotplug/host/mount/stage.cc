// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/mount/stage.h"

#include "attach-detach/number.h"
#include "attach-detach/roles.h"
#include "attach-detach/uuid.h"
#include "hotplug/host/helper/helper_call.h"
#include "hotplug/host/mount/flags.h"
#include "hotplug/host/mount/lowering.h"
#include "hotplug/host/mount/mount_table.h"
#include "hotplug/host/mount/target_path.h"
#include "hotplug/host/mount/verbs.h"
#include "hotplug/mkfs.h"
#include "hotplug/rungs.h"

namespace blockplug::mount {
namespace {
using State = FormatRecord::State;

std::string first_of(const std::string& one, const std::string& other) { return one.empty() ? other : one; }

// This rung started the mkfs, and its facts end when it is down: the volume cannot have been used otherwise since.
bool is_resumable(const Call& call, const FormatRecord& record) {
  return !record.uuid.empty() && fact(call.before, roles::kMountFormatting) == record.uuid;
}

// A device has whole sectors; its image may be slightly larger.
bool is_smaller_than_desired(const Facts& facts, const Spec& spec) {
  constexpr std::int64_t kLargestSector = 4096;
  return spec.access == Access::ReadWrite && number_fact(facts, roles::kMountSizeBytes) + kLargestSector <= spec.size_bytes;
}
}  // namespace

Attempt Stage::raise(const Call& call) {
  if (auto waiting = wait_for_helper(parts_.helper, call)) return *waiting;
  auto facts = stage(call);
  if (!facts.ok()) return std::move(facts).error();
  parts_.watch.watch(facts->at(roles::kMountPath), call.key.volume);
  return Done{std::move(facts).value()};
}

Result<Facts> Stage::stage(const Call& call) const {
  const auto device = fact(call.below, roles::kDevicePath), number = fact(call.below, roles::kDeviceNumber);
  if (device.empty() || number.empty()) return no_effect(Code::Unavailable, "no device to mount: the rung below is not up");
  const auto path = TRY(path_of(call));
  // An earlier attempt may have ended before it applied them again.
  if (has_limits(call) && !fact(call.before, roles::kMountFormatting).empty()) TRY(put_limits(call, Limits::Applied));
  auto record = TRY(parts_.records.format_of(call));
  auto staged = TRY(run_stage(call, path, record));
  if (fact(staged, "blank") == "true") {
    record = TRY(format(call, record, staged));
    staged = TRY(run_stage(call, path, record));
    if (fact(staged, "blank") == "true")
      return maybe_effect(Code::Internal, device + " is still blank after mkfs: check the storage below");
  }
  const auto filesystem = fact(staged, "filesystem"), uuid = fact(staged, "uuid");
  if (fact(staged, "record") == "formatted") {
    auto kept = parts_.records.set_format(call, {State::Formatted, filesystem, uuid});
    if (!kept.ok()) kept.error().effect = Effect::Unknown;  // it is mounted
    TRY(kept);
  }
  auto size_bytes = fact(staged, "size_bytes");
  if (fact(staged, "grow") == "true")
    size_bytes = fact(TRY(run(call, "grow", {{"filesystem", filesystem}, {"path", path}}, "the growing of " + path)), "size_bytes");
  return Facts{{roles::kMountPath, path},     {roles::kMountNumber, number},
               {roles::kMountDevice, device}, {roles::kMountFilesystem, filesystem},
               {roles::kMountUuid, uuid},     {roles::kMountSizeBytes, size_bytes}};
}

Result<Facts> Stage::run_stage(const Call& call, const std::string& path, const FormatRecord& record) const {
  return run(call, "stage",
             {{"filesystem", call.spec.filesystem},
              {"path", path},
              {"parents", call.spec.staging_path.empty() ? "private" : "open"},
              {"access", to_argument(call.spec.access)},
              {"flags", joined(call.spec.flags)},
              {"record", to_text(record)},
              {"resumable", is_resumable(call, record) ? "true" : "false"}},
             "the mount of " + fact(call.below, roles::kDevicePath) + " on " + path);
}

// The record is "formatting" before mkfs starts, so that an interrupted one is resumed, and "formatted" after it has finished.
Result<FormatRecord> Stage::format(const Call& call, const FormatRecord& before, const Facts& wanted) const {
  const bool is_resumed = fact(wanted, "resume") == "true";
  const FormatRecord begun{State::Formatting, fact(wanted, "filesystem"), is_resumed ? before.uuid : new_uuid()};
  if (has_limits(call)) TRY(put_limits(call, Limits::Lifted));
  if (!is_resumable(call, begun)) {
    auto kept = call.before;
    kept[roles::kMountFormatting] = begun.uuid;
    TRY(call.journal.keep(kept));
  }
  const auto is_unwritten = parts_.records.is_never_written(call);
  if (begun != before) TRY(parts_.records.set_format(call, begun));
  auto formatted = run(call, "format",
                       {{"filesystem", begun.filesystem},
                        {"uuid", begun.uuid},
                        {"resume", is_resumed ? "true" : "false"},
                        {"resumable", is_resumable(call, before) ? "true" : "false"},
                        {"unwritten", is_unwritten.ok() && *is_unwritten ? "true" : "false"}},
                       "the mkfs." + begun.filesystem + " of " + fact(call.below, roles::kDevicePath));
  auto limited = has_limits(call) ? put_limits(call, Limits::Applied) : Status{Ok{}};
  if (!formatted.ok()) {
    // Refused before mkfs started: the volume is unchanged, so its record is restored, or else a request for another file system
    // would be refused.
    if (formatted.error().effect == Effect::None && !is_resumed) TRY(parts_.records.set_format(call, before));
    return std::move(formatted).error();
  }
  const FormatRecord ended{State::Formatted, begun.filesystem, begun.uuid};
  TRY(parts_.records.set_format(call, ended));
  if (!limited.ok()) limited.error().effect = Effect::Unknown;
  TRY(limited);
  return ended;
}

bool Stage::has_limits(const Call& call) const {
  return parts_.limits != nullptr && !call.spec.limits.empty() && fact(call.below, roles::kDeviceCanLimit) == "true";
}

// A mkfs that was left behind goes on without them: the next attempt, which waits for its end, applies them.
Status Stage::put_limits(const Call& call, Limits limits) const {
  const auto what = "the limits of " + fact(call.below, roles::kDevicePath);
  if (const auto busy = parts_.helper.busy(call.key.volume)) return no_effect(Code::Unavailable, what + ": " + *busy);
  auto spec = call.spec;
  if (limits == Limits::Lifted) spec.limits.clear();
  auto put = parts_.limits->put_limits(call, spec);
  if (!put.ok()) return within(what, std::move(put).error());
  return Ok{};
}

Result<Facts> Stage::run(const Call& call, const std::string& verb, Facts arguments, const std::string& what) const {
  arguments["device"] = fact(call.below, roles::kDevicePath);
  arguments["number"] = fact(call.below, roles::kDeviceNumber);
  return blockplug::run(parts_.helper, call, verb, std::move(arguments), what);
}

Attempt Stage::lower(const Call& call) {
  const auto path = path_of(call);
  if (!path.ok()) return path.error();
  return lower_mount(parts_.helper, parts_.watch, call,
                     {.path = *path,
                      .number = first_of(fact(call.before, roles::kMountNumber), fact(call.below, roles::kDeviceNumber)),
                      .device = {}});
}

Finding Stage::probe(const Call& call) {
  return probe_mount(parts_.helper, parts_.watch, call, path_of(call), [&](const std::string& path) { return judge(call, path); });
}

Finding Stage::judge(const Call& call, const std::string& path) const {
  const auto read = parts_.watch.mounts_since(call.must_be_read_since());
  if (!read.ok()) return {Standing::Unknown, {}, read.error().message};
  const auto& mounts = **read;
  const auto there = find_at(mounts, path);
  if (!there) {
    const bool has_begun = is_made_by_us(path) || !fact(call.before, roles::kMountFormatting).empty();
    if (fact(call.before, roles::kMountNumber).empty() && has_begun)
      return {Standing::Partial, {}, "an earlier attempt was interrupted"};
    return {Standing::Down, {}, "nothing is mounted on " + path};
  }
  const auto mapped = fact(call.below, roles::kDeviceNumber), recorded = fact(call.before, roles::kMountNumber);
  const auto is_ours = [&](const Mount& mount) { return is_filesystem_of(mount, mapped) || is_filesystem_of(mount, recorded); };
  if (!is_ours(*there)) return judge_stranger(mounts, *there, is_ours);
  auto facts = call.before;
  facts[roles::kMountPath] = path;
  facts[roles::kMountNumber] = there->number;
  if (fact(facts, roles::kMountSizeBytes).empty())
    return {Standing::Partial, std::move(facts), "it is mounted, but the attempt was interrupted"};
  if (!mapped.empty() && there->number != mapped)
    return {Standing::Stale, std::move(facts),
            path + " has device " + there->number + " mounted, but the volume is now device " + mapped};
  if (there->is_read_only() != wants_read_only(call.spec.access, call.spec.flags))
    return {Standing::Stale, std::move(facts),
            path + " is mounted " + (there->is_read_only() ? "read-only, desired: read-write" : "read-write, desired: read-only")};
  if (is_smaller_than_desired(facts, call.spec))
    return {Standing::Stale, std::move(facts), "the file system is smaller than desired; it will be grown"};
  return {Standing::Up, std::move(facts), {}};
}

Survey Stage::survey(Time deadline) {
  const auto mounts = all_mounts();
  const auto below = resolve(parts_.directory + "/.");
  if (!mounts.ok() || !below.ok()) return unanswered();
  const auto directory = below->substr(0, below->size() - 1);  // with a trailing slash
  const auto devices = parts_.map.survey(deadline);
  Survey found;
  found.is_partial = devices.is_partial;
  for (const auto& device : devices)
    for (const auto& mount : *mounts)
      if (is_filesystem_of(mount, fact(device.facts, roles::kDeviceNumber)) && mount.path.starts_with(directory))
        found.push_back({device.key,
                         rungs::kStage,
                         {{roles::kMountPath, mount.path}, {roles::kMountNumber, mount.number}},
                         "mount of " + mount.source + " at " + mount.path});
  return found;
}

Result<std::string> Stage::path_of(const Call& call) const {
  if (const auto known = fact(call.before, roles::kMountPath); !known.empty()) return known;
  const auto& volume = call.key.volume;
  const auto path = first_of(call.spec.staging_path, parts_.directory + "/" + backend_of(volume) + "/" + name_of(volume));
  TRY(check_path(path));
  return resolve(path);
}

}  // namespace blockplug::mount
