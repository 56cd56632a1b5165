// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/door_calls.h"

#include "volume-plugin/ids.h"
#include "volume-plugin/printable.h"

namespace blockplug {

void Door::cancel(const DoorCallPtr& call) {
  parts_.runner.post([this, call] {
    if (std::exchange(call->is_over, true)) return;
    parts_.manager.abandon(call->wait);
  });
}

Result<Backend*> Door::backend_of_volume(const VolumeId& volume) const {
  const auto found = parts_.backends.find(backend_of(volume));
  if (found != parts_.backends.end()) return found->second;
  std::string known;
  for (const auto& [name, backend] : parts_.backends) known += (known.empty() ? "" : ", ") + name;
  return no_effect(Code::NotFound, "no backend '" + printable(backend_of(volume)) + "' is configured; there is: " + known);
}

Result<VolumeId> Door::checked(const std::string& text) const {
  TRY(check_volume_id(text));
  VolumeId volume(text);
  auto* backend = TRY(backend_of_volume(volume));
  TRY(backend->check_name(name_of(volume)));
  return volume;
}

Result<std::string> Door::backend_named(const std::string& name) const {
  if (!name.empty()) {
    TRY(backend_of_volume(VolumeId(name + "/")));
    return name;
  }
  if (parts_.backends.size() == 1) return parts_.backends.begin()->first;
  std::string known;
  for (const auto& [each, backend] : parts_.backends) known += (known.empty() ? "" : ", ") + each;
  return no_effect(Code::InvalidArgument, "which backend? There are several: " + known + ". Say --backend");
}

void Door::look_up(const VolumeId& volume, std::function<void(Result<VolumeInfo>)> next) {
  parts_.runner.post([this, volume, next = std::move(next)] {
    ask_backend<VolumeInfo>(backend_of(volume), [volume](Backend& backend) { return backend.find(volume); }, next);
  });
}

void Door::check(const VolumeId& volume, std::function<Status()> check, std::function<void(Status)> next) {
  auto found = std::make_shared<Status>(Ok{});
  const auto work = [found, check = std::move(check)]() -> Job::Answer {
    *found = check();
    return Attempt{Done{}};
  };
  parts_.runner.start({"check:" + volume.str(), Turn::Up, work, [found, next = std::move(next)](const Job::Answer&) { next(*found); }});
}

void Door::look_up_until(Time deadline, const VolumeId& volume, std::function<void(Result<VolumeInfo>)> next) {
  const auto tell = [next = std::move(next), is_over = std::make_shared<bool>(false)](Result<VolumeInfo> info) {
    if (!std::exchange(*is_over, true)) next(std::move(info));
  };
  parts_.runner.at(deadline, [tell, volume] {
    tell(no_effect(Code::Unavailable, "backend '" + backend_of(volume) + "' has not answered yet: nothing was changed; is its storage up?"));
  });
  look_up(volume, tell);
}

void Door::find(const std::string& text, VolumeAnswer answer) {
  const auto volume = checked(text);
  if (!volume.ok()) return parts_.runner.post([answer, error = volume.error()] { answer(error); });
  look_up(*volume, [answer, id = *volume](Result<VolumeInfo> info) {
    if (!info.ok()) return answer(with_volume(id, info.error()));
    answer(std::move(info));
  });
}

void Door::list(const std::string& backend, std::function<void(Result<Listing>)> answer) {
  parts_.runner.post([this, backend, answer = std::move(answer)] {
    if (!backend.empty())
      if (const auto known = backend_named(backend); !known.ok()) return answer(known.error());
    struct Gathering {
      Listing listing;
      std::size_t missing{};
    };
    auto gathering = std::make_shared<Gathering>();
    for (const auto& [name, each] : parts_.backends) gathering->missing += backend.empty() || backend == name ? 1 : 0;
    for (const auto& [name, each] : parts_.backends) {
      if (!backend.empty() && backend != name) continue;
      ask_backend<std::vector<VolumeInfo>>(name, &Backend::list, [gathering, answer, name = name](const Result<std::vector<VolumeInfo>>& found) {
        auto& listing = gathering->listing;
        if (found.ok()) listing.volumes.insert(listing.volumes.end(), found->begin(), found->end());
        else listing.problems.push_back(name + ": " + found.error().message);
        if (--gathering->missing == 0) answer(std::move(listing));
      }, kLookAllLane);
    }
  });
}

}  // namespace blockplug
