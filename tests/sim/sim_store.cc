// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_store.h"

namespace blockplug::sim {

Result<Saved> SimStore::load() {
  auto saved = file_->load();
  if (saved.ok()) last_order_ = saved->last_order;
  if (saved.ok())
    for (const auto& volume : saved->volumes)
      for (const auto& [target, attachment] : volume.attachments)
        for (const auto& [id, record] : attachment.rungs) {
          loaded_.insert({attachment.key, id});
          if (record.state != RungState::Up) intents_.insert({attachment.key, id});
        }
  return saved;
}

void SimStore::note(const Change& change) {
  if (const auto* put = std::get_if<PutRung>(&change)) {
    if (put->state == StoredState::Up)
      intents_.erase({put->key, put->rung});
    else
      intents_.insert({put->key, put->rung});
  } else if (const auto* forget = std::get_if<ForgetRung>(&change)) {
    intents_.erase({forget->key, forget->rung});
  } else if (const auto* gone = std::get_if<ForgetAttachment>(&change)) {
    std::erase_if(intents_, [&](const auto& intent) { return intent.first == gone->key; });
  } else if (const auto* all = std::get_if<ForgetVolume>(&change)) {
    std::erase_if(intents_, [&](const auto& intent) { return intent.first.volume == all->volume; });
  }
}

Status SimStore::write(const Changes& changes) {
  TRY(file_->apply(changes));
  for (const auto& change : changes) note(change);
  return Ok{};
}

void SimStore::commit(Changes changes, Urgency, std::function<void(Status)> told) {
  waiting_.push_back({std::move(changes), std::move(told)});
  if (waiting_.size() == 1) runner_.at(runner_.now() + delay(), [this] { write_next(); });
}

void SimStore::write_next() {
  if (waiting_.empty()) return;
  auto batch = std::move(waiting_.front());
  waiting_.pop_front();
  if (random_.chance(faults_.crash_before)) {
    has_crashed = true;
    ++struck;
    return;
  }
  Status status = Ok{};
  if (random_.chance(faults_.full)) {
    ++struck;
    status = no_effect(Code::ResourceExhausted, "simulated: disk full");
  } else {
    status = write(batch.changes);
  }
  if (random_.chance(faults_.crash_after)) {
    has_crashed = true;
    ++struck;
    return;
  }
  batch.told(status);
  if (!waiting_.empty()) runner_.at(runner_.now() + delay(), [this] { write_next(); });
}

// What was given before is durable before it.
Status SimStore::keep(Change change) {
  while (!waiting_.empty() && !has_crashed) {
    auto batch = std::move(waiting_.front());
    waiting_.pop_front();
    const auto status = write(batch.changes);
    runner_.post([told = std::move(batch.told), status] { told(status); });
  }
  return write({change});
}

}  // namespace blockplug::sim
