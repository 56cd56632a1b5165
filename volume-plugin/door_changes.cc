// SPDX-License-Identifier: Apache-2.0
// Limits, and the fence: orders on a volume that others may be using.
#include "attach-detach/volume_limits.h"
#include "volume-plugin/door_calls.h"

namespace blockplug {
namespace {

constexpr const char* kHost = "host";
constexpr const char* kMapperThatLimits = "fuse";

std::vector<std::string> split(const std::string& joined) {
  constexpr std::string_view kComma = ", ";
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < joined.size();) {
    const auto end = std::min(joined.find(kComma, at), joined.size());
    parts.push_back(joined.substr(at, end - at));
    at = end + kComma.size();
  }
  return parts;
}

Error cannot_limit(const std::string& mapper) {
  const std::string here = "it is mapped on the host by ";
  if (mapper.empty())
    return no_effect(Code::FailedPrecondition,
                     here + "what cannot limit it: detach it there first; limits hold in VMs, and on the host for rbd volumes with `mapper: fuse`");
  return no_effect(Code::FailedPrecondition,
                   here + mapper + ", which cannot limit it: set `mapper: fuse` for its backend and attach it again, or attach it to a VM");
}

}  // namespace

Result<Facts> Door::limits_in(const Modify& wanted) const {
  Facts arguments;
  const std::pair<const char*, std::optional<std::int64_t>> all[] = {{kIops, wanted.iops}, {kBytesPerSecond, wanted.bytes_per_second}};
  for (const auto& [name, value] : all) {
    if (!value) continue;
    TRY(check_limit(name, *value));
    arguments[name] = std::to_string(*value);
  }
  if (arguments.empty()) return no_effect(Code::InvalidArgument, "nothing is to be changed: say a limit of iops or of bytes per second");
  return arguments;
}

// Also while it is being mapped: who does it is known only afterwards.
Status Door::may_limit(const VolumeId& volume) const {
  for (const auto& report : parts_.manager.of_volume(volume)) {
    if (report.key.target.str() != kHost) continue;
    for (const auto& rung : report.rungs) {
      if (rung.rung.kind != RungKind::Map || rung.mark == "down") continue;
      const auto mapper = rung.facts.find("mapper");
      if (mapper == rung.facts.end()) return cannot_limit({});
      if (mapper->second != kMapperThatLimits) return cannot_limit(mapper->second);
    }
  }
  return Ok{};
}

DoorCallPtr Door::modify(const Modify& wanted, Time deadline, VolumeAnswer unsafe) {
  auto call = std::make_shared<DoorCall>();
  auto answer = once<VolumeInfo>(call, std::move(unsafe));
  const auto volume = checked(wanted.volume);
  const auto arguments = limits_in(wanted);
  if (!volume.ok() || !arguments.ok()) {
    parts_.runner.post([answer, error = volume.ok() ? arguments.error() : volume.error()] { answer(error); });
    return call;
  }
  look_up_until(deadline, *volume, [this, call, answer, id = *volume, arguments = *arguments, operation = wanted.operation,
                    deadline](const Result<VolumeInfo>& info) {
    if (call->is_over) return;
    if (!info.ok()) return answer(with_volume(id, info.error()));
    const auto limits = modified(info->limits, arguments);
    const auto may = !limits.ok() ? Status(limits.error()) : limits->empty() ? Status(Ok{}) : may_limit(id);
    if (!may.ok()) return answer(with_volume(id, may.error()));
    limit<VolumeInfo>(call, deadline, id, answer);
    order_and_show(call, {id, OrderKind::Modify, arguments, operation}, answer);
  });
  return call;
}

// Under whatever name this node has the image: its clients would be shut out with the others. What cannot be proven may be in the
// middle of another's fence, which this node may finish: the fence itself knows.
Status Door::may_fence(const VolumeInfo& info) const {
  for (const auto* volume : parts_.manager.world().with_image(info.image))
    for (const auto& [target, attachment] : volume->attachments)
      if (const auto& hold = attachment.rung({RungKind::Hold, {}}); hold.mark != Mark::Down && hold.trust != Trust::Unprovable)
        return no_effect(Code::FailedPrecondition, "this node holds it itself (" + to_text(attachment.key) +
                                                       "): detach it there; a fence is for what another node holds");
  return Ok{};
}

DoorCallPtr Door::fence(const Fence& wanted, Time deadline, FenceAnswer unsafe) {
  auto call = std::make_shared<DoorCall>();
  auto answer = once<std::vector<std::string>>(call, std::move(unsafe));
  const auto volume = checked(wanted.volume);
  if (!volume.ok()) {
    parts_.runner.post([answer, error = volume.error()] { answer(error); });
    return call;
  }
  look_up_until(deadline, *volume, [this, call, answer, id = *volume, wanted, deadline](const Result<VolumeInfo>& info) {
    if (call->is_over) return;
    if (!info.ok()) return answer(with_volume(id, info.error()));
    if (const auto may = may_fence(*info); !may.ok()) return answer(with_volume(id, may.error()));
    Facts arguments;
    if (!wanted.whole_node.empty()) arguments["whole_node"] = wanted.whole_node;
    limit<std::vector<std::string>>(call, deadline, id, answer);
    order(call, {id, OrderKind::Fence, arguments, wanted.operation}, [answer, id](const Result<Facts>& outcome) {
      if (!outcome.ok()) return answer(with_volume(id, outcome.error()));
      const auto fenced = outcome->find("fenced");
      answer(split(fenced == outcome->end() ? std::string{} : fenced->second));
    });
  });
  return call;
}

}  // namespace blockplug
