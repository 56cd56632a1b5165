// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/mount/stage.h"

#include <cstdlib>
#include <fstream>

#include "hotplug/helper/helper_call.h"
#include "volume-plugin/mount/flags.h"
#include "volume-plugin/mount/lowering.h"
#include "volume-plugin/mount/mount_table.h"
#include "volume-plugin/mount/target_path.h"
#include "volume-plugin/mount/verbs.h"

namespace blockplug::mount {
namespace {
using State = FormatRecord::State;

std::string new_uuid() {
  std::ifstream file{"/proc/sys/kernel/random/uuid"};
  std::string uuid;
  std::getline(file, uuid);
  return uuid;
}

std::int64_t number_in(const Facts& facts, std::string_view name) {
  return std::strtoll(value_of(facts, name).c_str(), nullptr, 10);
}

std::string first_of(const std::string& one, const std::string& other) { return one.empty() ? other : one; }

// Its mkfs was begun by this very attempt, whose facts die with the rung: nobody else has had the volume since.
bool is_resumable(const Call& call, const FormatRecord& record) {
  return !record.uuid.empty() && value_of(call.before, "formatting") == record.uuid;
}

// A device has whole sectors; its image may have a little more.
bool is_smaller_than_wished(const Facts& facts, const Spec& spec) {
  constexpr std::int64_t kLargestSector = 4096;
  return spec.access == Access::ReadWrite && number_in(facts, "size_bytes") + kLargestSector <= spec.size_bytes;
}
}  // namespace

Result<std::string> Stage::path_of(const Call& call) const {
  if (const auto known = value_of(call.before, "path"); !known.empty()) return known;
  const auto& volume = call.key.volume;
  const auto path = first_of(call.spec.staging_path, parts_.directory + "/" + backend_of(volume) + "/" + name_of(volume));
  TRY(check_path(path));
  return resolve(path);
}

Attempt Stage::raise(const Call& call) {
  if (auto waiting = wait_for_helper(parts_.helper, call)) return *waiting;
  auto facts = stage(call);
  if (!facts.ok()) return std::move(facts).error();
  parts_.watch.watch(facts->at("path"), call.key.volume);
  return Done{std::move(facts).value()};
}

Result<Facts> Stage::stage(const Call& call) const {
  const auto device = value_of(call.below, "map.device"), number = value_of(call.below, "map.number");
  if (device.empty() || number.empty()) return no_effect(Code::Unavailable, "there is no device below to mount");
  const auto path = TRY(path_of(call));
  auto record = TRY(parts_.records.format_of(call.key.volume));
  auto staged = TRY(run_stage(call, path, record));
  if (value_of(staged, "blank") == "true") {
    record = TRY(format(call, record, staged));
    staged = TRY(run_stage(call, path, record));
    if (value_of(staged, "blank") == "true")
      return maybe_effect(Code::Internal, device + " is blank again after mkfs: look at the storage below");
  }
  const auto filesystem = value_of(staged, "filesystem"), uuid = value_of(staged, "uuid");
  if (value_of(staged, "record") == "formatted") {
    auto kept = parts_.records.set_format(call.key.volume, {State::Formatted, filesystem, uuid});
    if (!kept.ok()) kept.error().effect = Effect::Unknown;  // it is mounted
    TRY(kept);
  }
  auto size_bytes = value_of(staged, "size_bytes");
  if (value_of(staged, "grow") == "true")
    size_bytes =
        value_of(TRY(run(call, "grow", {{"filesystem", filesystem}, {"path", path}}, "the growing of " + path)), "size_bytes");
  return Facts{{"path", path}, {"number", number},         {"device", device}, {"filesystem", filesystem},
               {"uuid", uuid}, {"size_bytes", size_bytes}};
}

Result<Facts> Stage::run_stage(const Call& call, const std::string& path, const FormatRecord& record) const {
  return run(call, "stage",
             {{"filesystem", call.spec.filesystem},
              {"path", path},
              {"access", to_argument(call.spec.access)},
              {"flags", joined(call.spec.flags)},
              {"record", to_text(record)},
              {"resumable", is_resumable(call, record) ? "true" : "false"}},
             "the mount of " + value_of(call.below, "map.device") + " on " + path);
}

// The record says "formatting" before mkfs begins, so that one that is cut short is resumed, and "formatted" after it has ended.
Result<FormatRecord> Stage::format(const Call& call, const FormatRecord& before, const Facts& wanted) const {
  const auto& volume = call.key.volume;
  const bool is_resumed = value_of(wanted, "resume") == "true";
  const FormatRecord begun{State::Formatting, value_of(wanted, "filesystem"), is_resumed ? before.uuid : new_uuid()};
  if (!is_resumable(call, begun)) {
    auto kept = call.before;
    kept["formatting"] = begun.uuid;
    TRY(call.journal.keep(kept));
  }
  if (begun != before) TRY(parts_.records.set_format(volume, begun));
  auto formatted =
      run(call, "format", {{"filesystem", begun.filesystem}, {"uuid", begun.uuid}, {"resume", is_resumed ? "true" : "false"}, {"resumable", is_resumable(call, before) ? "true" : "false"}},
          "the mkfs." + begun.filesystem + " of " + value_of(call.below, "map.device"));
  if (!formatted.ok()) {
    // Refused before mkfs began: the volume is as it was, and so is its record, or a wish for another file system would be held
    // to it.
    if (formatted.error().effect == Effect::None && !is_resumed) TRY(parts_.records.set_format(volume, before));
    return std::move(formatted).error();
  }
  const FormatRecord ended{State::Formatted, begun.filesystem, begun.uuid};
  TRY(parts_.records.set_format(volume, ended));
  return ended;
}

Result<Facts> Stage::run(const Call& call, const std::string& verb, Facts arguments, const std::string& what) const {
  arguments["device"] = value_of(call.below, "map.device");
  arguments["number"] = value_of(call.below, "map.number");
  return blockplug::run(parts_.helper, call, verb, std::move(arguments), what);
}

Attempt Stage::lower(const Call& call) {
  const auto path = path_of(call);
  if (!path.ok()) return path.error();
  return lower_mount(parts_.helper, parts_.watch, call,
                     {.path = *path,
                      .number = first_of(value_of(call.before, "number"), value_of(call.below, "map.number")),
                      .device = {}});
}

Finding Stage::probe(const Call& call) {
  return probe_mount(parts_.helper, parts_.watch, call, path_of(call), [&](const std::string& path) { return judge(call, path); });
}

Finding Stage::judge(const Call& call, const std::string& path) const {
  const auto mounts = all_mounts();
  if (!mounts.ok()) return {Standing::Unknown, {}, mounts.error().message};
  const auto there = find_at(*mounts, path);
  if (!there) {
    const bool has_begun = is_made_by_us(path) || !value_of(call.before, "formatting").empty();
    if (value_of(call.before, "number").empty() && has_begun) return {Standing::Partial, {}, "an earlier attempt was cut short"};
    return {Standing::Down, {}, "nothing is mounted on " + path};
  }
  const auto mapped = value_of(call.below, "map.number"), recorded = value_of(call.before, "number");
  const auto is_ours = [&](const Mount& mount) { return is_filesystem_of(mount, mapped) || is_filesystem_of(mount, recorded); };
  if (!is_ours(*there)) return judge_stranger(*mounts, *there, is_ours);
  auto facts = call.before;
  facts["path"] = path;
  facts["number"] = there->number;
  if (value_of(facts, "size_bytes").empty())
    return {Standing::Partial, std::move(facts), "it is mounted, but the attempt was cut short"};
  if (!mapped.empty() && there->number != mapped)
    return {Standing::Stale, std::move(facts),
            path + " has the device " + there->number + " mounted, and the volume is " + mapped + " now"};
  if (there->is_read_only != wants_read_only(call.spec.access, call.spec.flags))
    return {Standing::Stale, std::move(facts),
            path + " is mounted " + (there->is_read_only ? "read-only" : "read-write") + ", not as wished"};
  if (is_smaller_than_wished(facts, call.spec))
    return {Standing::Stale, std::move(facts), "the file system is smaller than wished: it is to grow"};
  return {Standing::Up, std::move(facts), {}};
}

std::vector<Found> Stage::survey() {
  const auto mounts = all_mounts();
  const auto below = resolve(parts_.directory + "/.");
  if (!mounts.ok() || !below.ok()) return {};
  const auto directory = below->substr(0, below->size() - 1);  // with its slash
  std::vector<Found> found;
  for (const auto& device : parts_.map.survey())
    for (const auto& mount : *mounts)
      if (is_filesystem_of(mount, value_of(device.facts, "number")) && mount.path.starts_with(directory))
        found.push_back({device.key,
                         RungKind::Stage,
                         {{"path", mount.path}, {"number", mount.number}},
                         "mount of " + mount.source + " at " + mount.path});
  return found;
}

}  // namespace blockplug::mount
