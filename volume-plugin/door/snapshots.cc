// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/door/snapshots.h"

#include <algorithm>
#include <iterator>

#include "volume-plugin/door/ids.h"

namespace blockplug {
namespace {

using Snapshots = std::vector<SnapshotDoor::Snapshot>;

Result<Snapshots> snapshots_of(Backend& backend, const VolumeId& volume) {
  auto listed = backend.snapshots(volume);
  if (!listed.ok()) return with_volume(volume, std::move(listed).error());
  Snapshots all;
  for (auto& info : *listed) all.push_back({volume, std::move(info)});
  return all;
}

Result<Snapshots> snapshots_of_all(Backend& backend) {
  Snapshots all;
  for (const auto& volume : TRY(backend.list())) {
    auto found = snapshots_of(backend, volume.id);
    if (!found.ok() && found.error().code == Code::NotFound) continue;  // deleted in the meantime
    std::ranges::move(TRY(std::move(found)), std::back_inserter(all));
  }
  return all;
}

Result<SnapshotDoor::Snapshot> snapshot_named(Backend& backend, const VolumeId& volume, const std::string& name) {
  for (auto& snapshot : TRY(snapshots_of(backend, volume)))
    if (snapshot.info.name == name) return std::move(snapshot);
  return maybe_effect(Code::Aborted, volume.str() + "@" + name + ": it was created, and has been deleted again since");
}

}  // namespace

DoorCallPtr SnapshotDoor::create(const std::string& text, const std::string& name, const std::string& operation, Time deadline,
                                 SnapshotAnswer unsafe) {
  auto call = calls_.begin("snapshot", text);
  auto answer = Calls::once<Snapshot>(call, std::move(unsafe));
  calls_.runner().post([this, call, answer, text, name, operation, deadline] {
    const auto volume = lookups_.checked(text);
    if (!volume.ok()) return answer(volume.error());
    if (const auto checked = check_snapshot_name(name); !checked.ok()) return answer(checked.error());
    calls_.limit<Snapshot>(call, deadline, *volume, answer);
    calls_.order(call, {*volume, OrderKind::Snapshot, {{"snapshot", name}}, operation},
                 [this, answer, id = *volume, name](const Result<Facts>& outcome) {
                   if (!outcome.ok()) return answer(with_volume(id, outcome.error()));
                   const auto find = [id, name](Backend& backend) { return snapshot_named(backend, id, name); };
                   lookups_.ask<Snapshot>(backend_of(id), find, answer);
                 });
  });
  return call;
}

DoorCallPtr SnapshotDoor::remove(const std::string& text, const std::string& operation, Time deadline, StatusAnswer unsafe) {
  auto call = calls_.begin("delete-snapshot", text);
  auto answer = Calls::once<Ok>(call, std::move(unsafe));
  calls_.runner().post([this, call, answer, text, operation, deadline] {
    const auto snapshot = parse_snapshot_id(text);
    if (!snapshot.ok()) return answer(snapshot.error());
    const auto volume = lookups_.checked(snapshot->volume);
    if (!volume.ok()) return answer(volume.error());
    calls_.limit<Ok>(call, deadline, *volume, answer);
    calls_.order(call, {*volume, OrderKind::Snapshot, {{"snapshot", snapshot->name}, {"delete", "true"}}, operation},
                 [answer, id = *volume](const Result<Facts>& outcome) {
                   if (!outcome.ok() && outcome.error().code != Code::NotFound) return answer(with_volume(id, outcome.error()));
                   answer(Ok{});  // gone with its volume, too
                 });
  });
  return call;
}

void SnapshotDoor::list(const std::string& text, std::function<void(Result<Listing>)> answer) {
  calls_.runner().post([this, text, answer = std::move(answer)] {
    if (!text.empty()) {
      const auto volume = lookups_.checked(text);
      if (!volume.ok()) return answer(volume.error());
      const auto find = [id = *volume](Backend& backend) { return snapshots_of(backend, id); };
      return lookups_.ask<Snapshots>(backend_of(*volume), find, [answer](Result<Snapshots> found) {
        if (!found.ok()) return answer(found.error());
        answer(Listing{std::move(*found), {}});
      });
    }
    struct Gathering {
      Listing listing;
      std::size_t missing{};
    };
    auto gathering = std::make_shared<Gathering>();
    gathering->missing = lookups_.backends().size();
    for (const auto& [name, backend] : lookups_.backends())
      lookups_.ask<Snapshots>(
          name, snapshots_of_all,
          [gathering, answer, name = name](Result<Snapshots> found) {
            auto& listing = gathering->listing;
            if (found.ok())
              std::ranges::move(*found, std::back_inserter(listing.snapshots));
            else
              listing.problems.push_back(name + ": " + found.error().message);
            if (--gathering->missing == 0) answer(std::move(listing));
          },
          BackendLookups::Look::All);
  });
}

}  // namespace blockplug
