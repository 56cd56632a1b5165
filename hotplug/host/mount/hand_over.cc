// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/mount/hand_over.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "attach-detach/json_depth.h"
#include "attach-detach/roles.h"
#include "hotplug/guest_path.h"
#include "hotplug/host/device_mark.h"
#include "hotplug/host/helper/helper_call.h"
#include "hotplug/host/mount/lowering.h"
#include "hotplug/host/mount/place.h"
#include "hotplug/host/mount/target_path.h"
#include "hotplug/host/mount/verbs.h"
#include "hotplug/host/text_file.h"
#include "hotplug/rungs.h"

namespace blockplug::mount {
namespace {
constexpr const char* kTmpfs = "tmpfs";

std::string contents_for(const Call& call) {
  nlohmann::ordered_json contents;
  contents["version"] = 1;
  contents["volume"] = call.key.volume.str();
  contents["vm"] = name_of(call.key.target);
  contents["path"] = call.spec.staging_path;
  contents["guest_path"] = guest_path_of(call.key.volume);
  contents["access"] = to_text(call.spec.access);
  return contents.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

struct Contents {
  AttachmentKey key;
  std::string path;  // as it was asked for
};

// nullopt: not such a file. What it says is believed only where the mark of its mount agrees.
std::optional<Contents> parse(const std::string& contents) {
  if (is_too_deep(contents)) return std::nullopt;
  const auto parsed = nlohmann::json::parse(contents, nullptr, false);
  if (!parsed.is_object()) return std::nullopt;
  const auto text = [&](const char* name) {
    const auto found = parsed.find(name);
    return found != parsed.end() && found->is_string() ? found->get<std::string>() : std::string{};
  };
  Contents read{{VolumeId(text("volume")), TargetId("vm:" + text("vm"))}, text("path")};
  if (read.key.volume.empty() || text("vm").empty() || read.path.empty()) return std::nullopt;
  return read;
}

Facts facts_at(const std::string& path, const std::string& asked) {
  return {{roles::kMountPath, path}, {roles::kStagingPath, asked}};
}

std::string read_contents(const std::string& path) {
  const auto place = Place::find(path + "/" + kHandOverFile);
  if (!place.ok()) return {};
  const auto file = place->open();
  return file.is_open() ? text_of(through_proc(file.get())) : std::string{};
}

Result<std::string> path_of(const Call& call) {
  if (const auto known = fact(call.before, roles::kMountPath); !known.empty()) return known;
  TRY(check_path(call.spec.staging_path));
  return resolve(call.spec.staging_path);
}
}  // namespace

bool HandOver::is_ours(const Mount& mount, const VolumeId& volume) const {
  return mount.filesystem == kTmpfs && mount.root == "/" && mount.source == device_mark(parts_.owner, volume);
}

std::optional<Mount> HandOver::find_ours(const std::vector<Mount>& mounts, const std::string& path, const VolumeId& volume) const {
  const auto found = std::find_if(mounts.rbegin(), mounts.rend(),
                                  [&](const Mount& mount) { return mount.path == path && is_ours(mount, volume); });
  return found == mounts.rend() ? std::nullopt : std::optional(*found);
}

Attempt HandOver::raise(const Call& call) {
  if (auto waiting = wait_for_helper(parts_.helper, call)) return *waiting;
  const auto path = TRY(path_of(call));
  auto attempt = mount_at(call, path);
  return attempt.ok() ? std::move(attempt).value() : Attempt{std::move(attempt).error()};
}

Result<Attempt> HandOver::mount_at(const Call& call, const std::string& path) const {
  const auto mounts = TRY(all_mounts());
  const auto there = find_at(mounts, path);
  if (there && is_ours(*there, call.key.volume)) {
    if (const auto* hider = hider_of(mounts, *there))
      return no_effect(Code::FailedPrecondition, path + " is " + hidden_text(*hider));
  } else {
    TRY(check_target(path, Shape::Directory));
    TRY(call.journal.keep(facts_at(path, call.spec.staging_path)));
    TRY(run(parts_.helper, call, "hand-over",
            {{"path", path}, {"mark", device_mark(parts_.owner, call.key.volume)}, {"contents", contents_for(call)}},
            "the hand-over at " + path));
  }
  parts_.watch.watch(path, call.key.volume);
  return Attempt{Done{facts_at(path, call.spec.staging_path)}};
}

Attempt HandOver::lower(const Call& call) {
  const auto path = path_of(call);
  if (!path.ok() && path.error().code == Code::InvalidArgument) return Done{};  // never existed
  if (!path.ok()) return path.error();
  const auto mounts = TRY(all_mounts());
  const auto ours = find_ours(mounts, *path, call.key.volume);
  if (!ours && find_at(mounts, *path)) return Done{};  // somebody else's: ours is gone
  return lower_mount(parts_.helper, parts_.watch, call, {.path = *path, .number = ours ? ours->number : "", .device = ""});
}

Finding HandOver::probe(const Call& call) {
  const bool has_one = !call.spec.staging_path.empty() || !fact(call.before, roles::kMountPath).empty();
  if (!has_one) return {Standing::Down, {}, "it has no hand-over"};
  return probe_mount(parts_.helper, parts_.watch, call, path_of(call), [&](const std::string& path) { return judge(call, path); });
}

Finding HandOver::judge(const Call& call, const std::string& path) const {
  const auto mounts = all_mounts();
  if (!mounts.ok()) return {Standing::Unknown, {}, mounts.error().message};
  const auto there = find_at(*mounts, path);
  if (!there) return judge_nothing(path, call.before);
  const auto is_it = [&](const Mount& mount) { return is_ours(mount, call.key.volume); };
  if (!is_it(*there)) return judge_stranger(*mounts, *there, is_it);
  const auto asked = fact(call.before, roles::kStagingPath);
  auto facts = facts_at(path, asked.empty() ? call.spec.staging_path : asked);
  if (const auto* hider = hider_of(*mounts, *there))
    return {Standing::Stale, std::move(facts), path + " is " + hidden_text(*hider)};
  return {Standing::Up, std::move(facts), {}};
}

Survey HandOver::survey(Time) {
  const auto mounts = all_mounts();
  if (!mounts.ok()) return unanswered();
  Survey found;
  for (const auto& mount : *mounts) {
    if (mount.filesystem != kTmpfs || !mount.source.starts_with(kDeviceMarkPrefix)) continue;
    const auto contents = parse(read_contents(mount.path));
    if (!contents || backend_of(contents->key.volume) != parts_.backend || !is_ours(mount, contents->key.volume)) continue;
    const auto path = resolve(contents->path);
    if (!path.ok() || *path != mount.path) continue;  // somebody's bind of it
    found.push_back({.key = contents->key,
                     .kind = rungs::kHandOver,
                     .facts = facts_at(mount.path, contents->path),
                     .what = "hand-over at " + mount.path,
                     .hides = RungId{rungs::kGuestMount, guest_path_of(contents->key.volume)}});
  }
  return found;
}

}  // namespace blockplug::mount
