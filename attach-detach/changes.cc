// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/changes.h"

namespace blockplug {

Change put_attachment(const Attachment& attachment) {
  return PutAttachment{attachment.key,           attachment.desired,   attachment.desired_number,
                       attachment.ever_complete, attachment.raised_as, attachment.first_desired};
}

Change put_rung(const AttachmentKey& key, const RungId& id, const RungRecord& record) {
  switch (record.state) {
    case RungState::Down:
      if (is_fenced(record)) return PutRung{key, id, StoredState::Doubtful, record.facts, record.since};
      return ForgetRung{key, id};
    case RungState::Raising: return PutRung{key, id, StoredState::Raising, record.facts, record.since};
    case RungState::Up: return PutRung{key, id, StoredState::Up, record.facts, record.since};
    case RungState::Lowering: return PutRung{key, id, StoredState::Lowering, record.facts, record.since};
  }
  return ForgetRung{key, id};
}

namespace {

Change as_stored(const AttachmentKey& key, const RungId& id, const RungRecord& record) {
  const bool is_ahead = record.is_intent_stored && (record.state == RungState::Down || record.state == RungState::Up);
  return is_ahead ? Change(PutRung{key, id, StoredState::Doubtful, record.facts, record.since}) : put_rung(key, id, record);
}

}  // namespace

Changes everything_beside(const Volume& volume, const Step& running) {
  Changes changes{PutVolume{volume.id, volume.image}};
  for (const auto& [target, attachment] : volume.attachments) {
    changes.push_back(put_attachment(attachment));
    for (const auto& [id, record] : attachment.rungs) {
      const bool is_its_own = attachment.key == running.key && id == running.rung;
      auto change = as_stored(attachment.key, id, record);
      if (!is_its_own && std::holds_alternative<PutRung>(change)) changes.push_back(std::move(change));
    }
  }
  for (const auto& record : volume.orders)
    if (running.kind != Step::Kind::Perform || record.order.id != running.order)
      changes.push_back(PutOrder{record.order, record.kept});
  return changes;
}

Changes everything_of(const Volume& volume) {
  Changes changes{ForgetVolume{volume.id}, PutVolume{volume.id, volume.image}};
  for (const auto& [target, attachment] : volume.attachments) {
    changes.push_back(put_attachment(attachment));
    for (const auto& [id, record] : attachment.rungs) changes.push_back(as_stored(attachment.key, id, record));
  }
  for (const auto& record : volume.orders) changes.push_back(PutOrder{record.order, record.kept});
  return changes;
}

}  // namespace blockplug
