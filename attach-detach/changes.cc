// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/changes.h"

namespace blockplug {

Change put_attachment(const Attachment& attachment) {
  return PutAttachment{attachment.key, attachment.wish, attachment.wish_number, attachment.ever_complete, attachment.raised_as, attachment.first_wished};
}

Change put_rung(const AttachmentKey& key, const RungId& id, const RungRecord& record) {
  switch (record.mark) {
    case Mark::Down:
      if (is_fenced(record)) return PutRung{key, id, StoredMark::Doubtful, record.facts, record.since};
      return ForgetRung{key, id};
    case Mark::Raising: return PutRung{key, id, StoredMark::Raising, record.facts, record.since};
    case Mark::Up: return PutRung{key, id, StoredMark::Up, record.facts, record.since};
    case Mark::Lowering: return PutRung{key, id, StoredMark::Lowering, record.facts, record.since};
  }
  return ForgetRung{key, id};
}

Changes everything_of(const Volume& volume) {
  Changes changes{ForgetVolume{volume.id}, PutVolume{volume.id, volume.image}};
  for (const auto& [target, attachment] : volume.attachments) {
    changes.push_back(put_attachment(attachment));
    for (const auto& [id, record] : attachment.rungs) {
      const bool is_ahead = record.is_intent_stored && (record.mark == Mark::Down || record.mark == Mark::Up);
      changes.push_back(is_ahead ? Change(PutRung{attachment.key, id, StoredMark::Doubtful, record.facts, record.since})
                                 : put_rung(attachment.key, id, record));
    }
  }
  for (const auto& record : volume.orders) changes.push_back(PutOrder{record.order, record.kept});
  return changes;
}

}  // namespace blockplug
