// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/commits.h"

#include <filesystem>

#include "attach-detach/changes.h"
#include "tests/bench/fake_backend.h"

namespace blockplug::bench {

Result<std::unique_ptr<Commits>> Commits::open(const std::string& directory, const AttachmentKey& key,
                                               const std::optional<RungId>& leaf) {
  std::filesystem::create_directories(directory);
  return std::unique_ptr<Commits>(new Commits(TRY(SqliteStore::open(directory)), key, leaf));
}

Status Commits::attach() {
  const auto volume = attached_volume(key_, ++all_desired_, leaf_);
  const auto& attachment = volume.attachments.begin()->second;
  Changes changes{PutVolume{volume.id, volume.image}, put_attachment(attachment)};
  for (const auto& [id, record] : attachment.rungs)
    changes.push_back(PutRung{attachment.key, id, StoredState::Doubtful, {}, record.since});
  return store_->apply(changes);
}

Status Commits::detach() {
  const auto volume = attached_volume(key_, all_desired_, leaf_);
  const auto& attachment = volume.attachments.begin()->second;
  Changes changes{put_attachment(attachment)};
  for (const auto& [id, record] : attachment.rungs)
    changes.push_back(PutRung{attachment.key, id, StoredState::Doubtful, record.facts, record.since});
  return store_->apply(changes);
}

OrderPerformer Commits::performer() {
  return {[this] { return attach(); }, [this] { return detach(); }};
}

}  // namespace blockplug::bench
