// SPDX-License-Identifier: Apache-2.0
// Volumes come, grow and go.
#include "volume-plugin/door_calls.h"
#include "volume-plugin/ids.h"
#include "volume-plugin/printable.h"
#include "volume-plugin/size.h"

namespace blockplug {

void Door::order(const DoorCallPtr& call, OrderRequest request, OrderSettled settled) {
  const auto accepted = parts_.manager.order(request, settled);
  if (!accepted.ok()) return settled(accepted.error());
  call->wait = *accepted;
}

Result<OrderRequest> Door::creation(const Create& wanted) const {
  if (!wanted.source.empty()) return copying(wanted);
  if (wanted.is_flattened)
    return no_effect(Code::InvalidArgument, "to flatten is for a volume that is made from another: name that, or do not flatten");
  const auto backend = TRY(backend_named(wanted.backend));
  TRY(parts_.backends.at(backend)->check_name(wanted.name));
  TRY(check_size(wanted.size_bytes));
  return OrderRequest{VolumeId(backend + "/" + wanted.name),
                      OrderKind::Create,
                      {{"size_bytes", std::to_string(wanted.size_bytes)}},
                      wanted.operation};
}

Result<OrderRequest> Door::copying(const Create& wanted) const {
  SnapshotId source{wanted.source, {}};
  if (wanted.source.find('@') != std::string::npos) source = TRY(parse_snapshot_id(wanted.source));
  const auto volume = TRY(checked(source.volume));
  const auto backend = wanted.backend.empty() ? backend_of(volume) : TRY(backend_named(wanted.backend));
  if (backend != backend_of(volume))
    return no_effect(Code::InvalidArgument, "a volume of backend '" + backend + "' cannot be made from " + printable(wanted.source) +
                                                ", which is of another: make it in '" + backend_of(volume) + "', or copy the data");
  TRY(parts_.backends.at(backend)->check_name(wanted.name));
  Facts arguments{{"source", name_of(volume) + (source.name.empty() ? "" : "@" + source.name)}};
  if (wanted.is_flattened) arguments["flatten"] = "true";
  if (wanted.size_bytes != 0) {
    TRY(check_size(wanted.size_bytes));
    arguments["size_bytes"] = std::to_string(wanted.size_bytes);
  }
  return OrderRequest{VolumeId(backend + "/" + wanted.name), OrderKind::Clone, arguments, wanted.operation};
}

DoorCallPtr Door::create(const Create& wanted, Time deadline, VolumeAnswer unsafe) {
  auto call = std::make_shared<DoorCall>();
  auto answer = once<VolumeInfo>(call, std::move(unsafe));
  parts_.runner.post([this, call, answer, wanted, deadline] {
    const auto request = creation(wanted);
    if (!request.ok()) return answer(request.error());
    limit<VolumeInfo>(call, deadline, request->volume, answer);
    order(call, *request, [this, answer, volume = request->volume](const Result<Facts>& outcome) {
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
  look_up_until(deadline, *volume, [this, call, answer, id = *volume, size_bytes, operation, deadline](Result<VolumeInfo> info) {
    if (call->is_over) return;
    if (!info.ok()) return answer(with_volume(id, info.error()));
    if (size_bytes < info->size_bytes)
      return answer(no_effect(Code::OutOfRange, id.str() + ": it has " + format_size(info->size_bytes) + " and cannot become " +
                                                    format_size(size_bytes) + ": shrinking would lose data"));
    limit<VolumeInfo>(call, deadline, id, answer);
    order_and_show(call, {id, OrderKind::Resize, {{"size_bytes", std::to_string(size_bytes)}}, operation}, answer);
  });
  return call;
}

void Door::order_and_show(const DoorCallPtr& call, OrderRequest request, const VolumeAnswer& answer) {
  const auto id = request.volume;
  order(call, std::move(request), [this, call, answer, id](const Result<Facts>& outcome) {
    if (!outcome.ok()) return answer(with_volume(id, outcome.error()));
    wait_until_shown(call, id, [this, answer, id](const Status& shown) {
      if (!shown.ok()) return answer(shown.error());
      look_up(id, answer);
    });
  });
}

// Joins the wish of each attachment in turn: it is answered when all its rungs are as specified.
void Door::wait_until_shown(const DoorCallPtr& call, const VolumeId& volume, std::function<void(Status)> done) {
  for (const auto& report : parts_.manager.of_volume(volume)) {
    if (!report.is_wished || report.state == State::Attached || report.state == State::Orphan) continue;
    if (report.state == State::Waiting || report.state == State::Fenced) continue;  // it will be opened as it is then
    call->wait = parts_.manager.wait_until_up(report.key, [this, call, volume, done](const Status& status) {
      if (!status.ok() && status.error().code != Code::Aborted) return done(status);
      if (!call->is_over) wait_until_shown(call, volume, done);
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
  look_up_until(deadline, *volume, [this, call, answer, id = *volume, operation, deadline](Result<VolumeInfo> info) {
    if (call->is_over) return;
    if (!info.ok() && info.error().code == Code::NotFound) return answer(Ok{});
    const bool is_rest = !info.ok() && info.error().code == Code::DataLoss;  // of one that was being deleted
    if (!info.ok() && !is_rest) return answer(with_volume(id, info.error()));
    limit<Ok>(call, deadline, id, answer);
    const auto image = is_rest ? std::string{} : info->image.str();
    order(call, {id, OrderKind::Delete, {{"image", image}}, operation}, [answer, id](const Result<Facts>& outcome) {
      if (!outcome.ok()) return answer(with_volume(id, outcome.error()));
      answer(Ok{});
    });
  });
  return call;
}

}  // namespace blockplug
