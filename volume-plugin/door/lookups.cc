// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/door/lookups.h"

#include "attach-detach/printable.h"
#include "volume-plugin/door/ids.h"

namespace blockplug {

Result<VolumeId> BackendLookups::checked(const std::string& text) const {
  TRY(check_volume_id(text));
  VolumeId volume(text);
  auto* backend = TRY(backend_named(backend_of(volume)));
  TRY(backend->check_name(name_of(volume)));
  return volume;
}

Result<Backend*> BackendLookups::backend_named(const std::string& name) const {
  const auto found = backends_.find(name);
  if (found != backends_.end()) return found->second;
  std::string known;
  for (const auto& [each, backend] : backends_) known += (known.empty() ? "" : ", ") + each;
  return no_effect(Code::NotFound, "no backend '" + printable(name) + "' is configured; configured backends: " + known);
}

void BackendLookups::look_up_until(Time deadline, const VolumeId& volume, std::function<void(Result<VolumeInfo>)> next) const {
  struct Asker {
    std::function<void(Result<VolumeInfo>)> next;
    std::shared_ptr<const void> until_told = std::make_shared<char>();
  };
  const auto asker = std::make_shared<Asker>(Asker{.next = std::move(next)});
  const auto tell = [asker](Result<VolumeInfo> info) {
    if (std::exchange(asker->until_told, nullptr)) std::exchange(asker->next, {})(std::move(info));
  };
  const auto end = [tell, volume] {
    tell(no_effect(Code::Unavailable, "backend '" + backend_of(volume) +
                                          "' has not answered in time: nothing was changed; check that its storage is up"));
  };
  runner_.at(deadline, end, asker->until_told);
  look_up(volume, tell);
}

void BackendLookups::look_up(const VolumeId& volume, std::function<void(Result<VolumeInfo>)> next) const {
  runner_.post([this, volume, next = std::move(next)] {
    ask<VolumeInfo>(
        backend_of(volume), [volume](Backend& backend) { return backend.find(volume); }, next);
  });
}

void BackendLookups::check(const VolumeId& volume, std::function<Status()> check, std::function<void(Status)> next) const {
  auto found = std::make_shared<Status>(Ok{});
  const auto work = [found, check = std::move(check)]() -> Job::Answer {
    *found = check();
    return Attempt{Done{}};
  };
  runner_.start({"check:" + volume.str(), Turn::Up, work, [found, next = std::move(next)](const Job::Answer&) { next(*found); }});
}

}  // namespace blockplug
