// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/door/volumes.h"

#include <optional>

#include "attach-detach/printable.h"
#include "volume-plugin/door/ids.h"
#include "volume-plugin/size.h"

namespace blockplug {
namespace {

Status add_type(const Backend& backend, const VolumeDoor::Create& wanted, Facts& arguments) {
  if (wanted.type.empty() && wanted.zone.empty()) return Ok{};
  TRY(backend.takes_types());
  for (const auto& [name, value] : {std::pair("type", wanted.type), std::pair("zone", wanted.zone)}) {
    if (value.size() > 255) return no_effect(Code::InvalidArgument, std::string(name) + ": is too long");
    if (!value.empty()) arguments[name] = value;
  }
  return Ok{};
}

}  // namespace

Result<OrderRequest> VolumeDoor::creation(const Create& wanted) const {
  if (!wanted.source.empty()) return copying(wanted);
  if (wanted.is_flattened)
    return no_effect(Code::InvalidArgument, "flatten applies only to a copy: give a source, or leave flatten out");
  auto* backend = TRY(lookups_.backend_named(wanted.backend));
  TRY(backend->check_name(wanted.name));
  TRY(check_size(wanted.size_bytes));
  Facts arguments{{"size_bytes", std::to_string(wanted.size_bytes)}};
  TRY(add_type(*backend, wanted, arguments));
  if (!wanted.callers_name.empty()) arguments[kCallersName] = wanted.callers_name;
  return OrderRequest{VolumeId(wanted.backend + "/" + wanted.name), OrderKind::Create, arguments, wanted.operation};
}

Result<OrderRequest> VolumeDoor::copying(const Create& wanted) const {
  SnapshotId source{wanted.source, {}};
  if (wanted.source.find('@') != std::string::npos) source = TRY(parse_snapshot_id(wanted.source));
  const auto volume = TRY(lookups_.checked(source.volume));
  const auto backend = wanted.backend.empty() ? backend_of(volume) : wanted.backend;
  TRY(lookups_.backend_named(backend));
  if (backend != backend_of(volume))
    return no_effect(Code::InvalidArgument, "a volume of backend '" + backend + "' cannot be created from " +
                                                printable(wanted.source) + ", which is in another backend: create it in '" +
                                                backend_of(volume) + "', or copy the data");
  TRY(lookups_.backends().at(backend)->check_name(wanted.name));
  Facts arguments{{"source", name_of(volume) + (source.name.empty() ? "" : "@" + source.name)}};
  if (wanted.is_flattened) arguments["flatten"] = "true";
  TRY(add_type(*lookups_.backends().at(backend), wanted, arguments));
  if (!wanted.callers_name.empty()) arguments[kCallersName] = wanted.callers_name;
  if (wanted.size_bytes != 0) {
    TRY(check_size(wanted.size_bytes));
    arguments["size_bytes"] = std::to_string(wanted.size_bytes);
  }
  return OrderRequest{VolumeId(backend + "/" + wanted.name), OrderKind::Clone, arguments, wanted.operation};
}

DoorCallPtr VolumeDoor::create(const Create& wanted, Time deadline, VolumeAnswer unsafe) {
  auto call = calls_.begin("create", wanted.backend);
  auto answer = Calls::once<VolumeInfo>(call, std::move(unsafe));
  calls_.runner().post([this, call, answer, wanted, deadline] {
    const auto request = creation(wanted);
    if (!request.ok()) return answer(request.error());
    calls_.limit<VolumeInfo>(call, deadline, request->volume, answer);
    calls_.order(call, *request, [this, answer, volume = request->volume](const Result<Facts>& outcome) {
      if (!outcome.ok()) return answer(with_volume(volume, outcome.error()));
      const auto id = fact(*outcome, "id");  // where the backend chose it
      lookups_.look_up(id.empty() ? volume : VolumeId(backend_of(volume) + "/" + id), answer);
    });
  });
  return call;
}

// The arguments of the order that deletes it.
std::optional<Facts> VolumeDoor::deletion_of(const VolumeId& volume) const {
  const auto* known = calls_.manager().world().find(volume);
  if (known == nullptr) return std::nullopt;
  for (const auto& record : known->orders)
    if (record.order.kind == OrderKind::Delete) return record.order.arguments;
  return std::nullopt;
}

DoorCallPtr VolumeDoor::remove(const std::string& text, const std::string& operation, Time deadline, StatusAnswer unsafe,
                               NamedBy named) {
  auto call = calls_.begin("delete", text);
  auto answer = Calls::once<Ok>(call, std::move(unsafe));
  const auto volume = lookups_.checked(text);
  if (!volume.ok()) {
    return calls_.refuse<Ok>(call, answer, volume.error());
  }
  lookups_.look_up_until(
      deadline, *volume, [this, call, answer, id = *volume, operation, deadline, named](Result<VolumeInfo> info) {
        if (call->is_over) return;
        if (info.ok() && named == NamedBy::Name && fact(info->details, "managed") == "false")
          return answer(no_effect(Code::FailedPrecondition,
                                  id.str() + " was not created by Blockplug: to delete it, give this id instead of its name"));
        const auto error = info.ok() ? std::optional<Error>{} : std::optional(info.error());
        const auto running = deletion_of(id);  // it may have taken the name away, and not yet all of the data
        if (error && error->code == Code::NotFound && !running) return answer(Ok{});
        if (error && error->code != Code::DataLoss && error->code != Code::NotFound) return answer(with_volume(id, *error));
        const auto image = error ? std::string{} : info->image.str();  // empty: only what an interrupted delete left
        const auto arguments = error && running ? *running : Facts{{"image", image}};
        calls_.limit<Ok>(call, deadline, id, answer);
        calls_.order(call, {id, OrderKind::Delete, arguments, operation}, [answer, id](const Result<Facts>& outcome) {
          if (!outcome.ok()) return answer(with_volume(id, outcome.error()));
          answer(Ok{});
        });
      });
  return call;
}

void VolumeDoor::find(const std::string& text, const VolumeAnswer& answer) {
  const auto volume = lookups_.checked(text);
  if (!volume.ok()) return calls_.runner().post([answer, error = volume.error()] { answer(error); });
  lookups_.look_up(*volume, [answer, id = *volume](Result<VolumeInfo> info) {
    if (!info.ok()) return answer(with_volume(id, info.error()));
    answer(std::move(info));
  });
}

void VolumeDoor::identify(const std::string& text, const std::function<void(Result<std::string>)>& answer) {
  const auto volume = lookups_.checked(text);
  if (!volume.ok() || lookups_.backends().at(backend_of(*volume))->is_id(name_of(*volume))) return answer(text);
  calls_.runner().post([this, text, volume = *volume, answer] {
    lookups_.look_up(volume, [text, volume, answer](const Result<VolumeInfo>& info) {
      if (info.ok()) return answer(info->id.str());
      if (info.error().code == Code::NotFound) return answer(text);  // it may be right that there is none
      answer(with_volume(volume, info.error()));
    });
  });
}

void VolumeDoor::available_bytes(const std::string& backend, std::function<void(Result<std::int64_t>)> answer) {
  calls_.runner().post([this, backend, answer = std::move(answer)] {
    if (const auto known = lookups_.backend_named(backend); !known.ok()) return answer(known.error());
    lookups_.ask<std::int64_t>(backend, &Backend::available_bytes, answer);
  });
}

void VolumeDoor::list(const std::string& backend, std::function<void(Result<Listing>)> answer) {
  calls_.runner().post([this, backend, answer = std::move(answer)] {
    if (!backend.empty())
      if (const auto known = lookups_.backend_named(backend); !known.ok()) return answer(known.error());
    struct Gathering {
      Listing listing;
      std::size_t missing{};
    };
    auto gathering = std::make_shared<Gathering>();
    for (const auto& [name, each] : lookups_.backends()) gathering->missing += backend.empty() || backend == name ? 1 : 0;
    for (const auto& [name, each] : lookups_.backends()) {
      if (!backend.empty() && backend != name) continue;
      lookups_.ask<std::vector<VolumeInfo>>(
          name, &Backend::list,
          [gathering, answer, name = name](const Result<std::vector<VolumeInfo>>& found) {
            auto& listing = gathering->listing;
            if (found.ok())
              listing.volumes.insert(listing.volumes.end(), found->begin(), found->end());
            else
              listing.problems.push_back(name + ": " + found.error().message);
            if (--gathering->missing == 0) answer(std::move(listing));
          },
          BackendLookups::Look::All);
    }
  });
}

}  // namespace blockplug
