// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/door_calls.h"

#include "volume-plugin/ids.h"
#include "volume-plugin/printable.h"
#include "volume-plugin/size.h"

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
    auto info = std::make_shared<std::optional<Result<VolumeInfo>>>();
    auto* backend = parts_.backends.at(backend_of(volume));
    const auto work = [backend, volume, info]() -> Job::Answer {
      info->emplace(backend->find(volume));
      return Attempt{Done{}};
    };
    parts_.runner.start({"look-up:" + backend_of(volume), Turn::Up, work, [info, next](const Job::Answer&) { next(std::move(**info)); }});
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

void Door::order(const DoorCallPtr& call, OrderRequest request, OrderSettled settled) {
  const auto accepted = parts_.manager.order(request, settled);
  if (!accepted.ok()) return settled(accepted.error());
  call->wait = *accepted;
}

DoorCallPtr Door::create(const Create& wanted, Time deadline, VolumeAnswer unsafe) {
  auto call = std::make_shared<DoorCall>();
  auto answer = once<VolumeInfo>(call, std::move(unsafe));
  parts_.runner.post([this, call, answer, wanted, deadline] {
    const auto backend = backend_named(wanted.backend);
    if (!backend.ok()) return answer(backend.error());
    if (const auto name = parts_.backends.at(*backend)->check_name(wanted.name); !name.ok()) return answer(name.error());
    if (const auto size = check_size(wanted.size_bytes); !size.ok()) return answer(size.error());
    const VolumeId volume(*backend + "/" + wanted.name);
    limit<VolumeInfo>(call, deadline, volume, answer);
    order(call, {volume, OrderKind::Create, {{"size_bytes", std::to_string(wanted.size_bytes)}}, wanted.operation},
          [this, answer, volume](const Result<Facts>& outcome) {
            if (!outcome.ok()) return answer(with_volume(volume, outcome.error()));
            look_up(volume, answer);
          });
  });
  return call;
}

DoorCallPtr Door::expand(const std::string& text, std::int64_t size_bytes, const std::string& operation, Time deadline, VolumeAnswer unsafe) {
  auto call = std::make_shared<DoorCall>();
  auto answer = once<VolumeInfo>(call, std::move(unsafe));
  const auto volume = checked(text);
  const auto size = check_size(size_bytes);
  if (!volume.ok() || !size.ok()) {
    parts_.runner.post([answer, error = volume.ok() ? size.error() : volume.error()] { answer(error); });
    return call;
  }
  look_up(*volume, [this, call, answer, id = *volume, size_bytes, operation, deadline](Result<VolumeInfo> info) {
    if (call->is_over) return;
    if (!info.ok()) return answer(with_volume(id, info.error()));
    if (size_bytes < info->size_bytes)
      return answer(no_effect(Code::OutOfRange, id.str() + ": it has " + format_size(info->size_bytes) + " and cannot become " +
                                                    format_size(size_bytes) + ": shrinking would lose data"));
    limit<VolumeInfo>(call, deadline, id, answer);
    order(call, {id, OrderKind::Resize, {{"size_bytes", std::to_string(size_bytes)}}, operation},
          [this, call, answer, id, size_bytes](const Result<Facts>& outcome) {
            if (!outcome.ok()) return answer(with_volume(id, outcome.error()));
            wait_for_size(call, id, size_bytes, [this, answer, id](const Status& shown) {
              if (!shown.ok()) return answer(shown.error());
              look_up(id, answer);
            });
          });
  });
  return call;
}

// Joins the wish of each attachment in turn: it is answered when all its rungs are as specified, the new size included.
void Door::wait_for_size(const DoorCallPtr& call, const VolumeId& volume, std::int64_t size_bytes, std::function<void(Status)> done) {
  for (const auto& report : parts_.manager.of_volume(volume)) {
    if (!report.is_wished || report.state == State::Attached || report.state == State::Orphan) continue;
    if (report.state == State::Waiting) continue;  // armed: it will be opened with the new size
    call->wait = parts_.manager.wait_until_up(report.key, [this, call, volume, size_bytes, done](const Status& status) {
      if (!status.ok() && status.error().code != Code::Aborted) return done(status);
      if (!call->is_over) wait_for_size(call, volume, size_bytes, done);
    });
    return;
  }
  done(Ok{});
}

DoorCallPtr Door::remove(const std::string& text, const std::string& operation, Time deadline, StatusAnswer unsafe) {
  auto call = std::make_shared<DoorCall>();
  auto answer = once<Ok>(call, std::move(unsafe));
  const auto volume = checked(text);
  if (!volume.ok()) {
    parts_.runner.post([answer, error = volume.error()] { answer(error); });
    return call;
  }
  look_up(*volume, [this, call, answer, id = *volume, operation, deadline](Result<VolumeInfo> info) {
    if (call->is_over) return;
    if (!info.ok() && info.error().code == Code::NotFound) return answer(Ok{});
    if (!info.ok()) return answer(with_volume(id, info.error()));
    limit<Ok>(call, deadline, id, answer);
    order(call, {id, OrderKind::Delete, {{"image", info->image.str()}}, operation}, [answer, id](const Result<Facts>& outcome) {
      if (!outcome.ok()) return answer(with_volume(id, outcome.error()));
      answer(Ok{});
    });
  });
  return call;
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
      auto found = std::make_shared<std::optional<Result<std::vector<VolumeInfo>>>>();
      const auto work = [each = each, found]() -> Job::Answer {
        found->emplace(each->list());
        return Attempt{Done{}};
      };
      parts_.runner.start({"look-up:" + name, Turn::Up, work, [gathering, found, answer, name = name](const Job::Answer&) {
        auto& volumes = **found;
        if (volumes.ok()) gathering->listing.volumes.insert(gathering->listing.volumes.end(), volumes->begin(), volumes->end());
        else gathering->listing.problems.push_back(name + ": " + volumes.error().message);
        if (--gathering->missing == 0) answer(std::move(gathering->listing));
      }});
    }
  });
}

}  // namespace blockplug
