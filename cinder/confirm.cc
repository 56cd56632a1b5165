// SPDX-License-Identifier: Apache-2.0
#include "cinder/confirm.h"

#include "cinder/rungs.h"

namespace blockplug::cinder {

Attempt Confirm::raise(const Call& call) {
  const auto attachment = fact(call.below, kAttachmentFact);
  const auto completed = api_.complete(attachment, {call.deadline, call.stop});
  readings_.forget(attachment);
  if (!completed.ok()) return completed.error();
  return Done{};
}

Attempt Confirm::lower(const Call&) { return Done{}; }

Finding Confirm::probe(const Call& call) {
  const auto attachment = fact(call.below, kAttachmentFact);
  if (attachment.empty()) return {Standing::Down, {}, {}};
  const auto found = readings_.read(attachment, call.doubted_at, {call.deadline, call.stop});
  if (!found.ok() && found.error().code == Code::NotFound) return {Standing::Down, {}, "Cinder no longer has the attachment"};
  if (!found.ok()) return {Standing::Unknown, {}, found.error().message};
  if ((*found)->status == "attached") return {Standing::Up, {}, {}};
  return {Standing::Down, {}, "Cinder has the attachment as '" + (*found)->status + "'"};
}

Survey Confirm::survey(Time) { return {}; }

}  // namespace blockplug::cinder
