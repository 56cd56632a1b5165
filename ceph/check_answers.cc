// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <ctime>
#include <future>
#include <memory>

#include "ceph/connection.h"
#include "ceph/header.h"

namespace blockplug::rbd {
namespace {
// Outlives a caller that stopped waiting.
struct Asked {
  std::uint64_t size{};
  std::time_t changed{};
  std::promise<void> answered;
};

void tell(rados_completion_t, void* kept) {
  (*std::unique_ptr<std::shared_ptr<Asked>>(static_cast<std::shared_ptr<Asked>*>(kept)))->answered.set_value();
}
}  // namespace

Status check_answers(Pool& pool, const std::string& name, std::chrono::milliseconds limit) {
  auto asked = std::make_shared<Asked>();
  auto answered = asked->answered.get_future();
  auto kept = std::make_unique<std::shared_ptr<Asked>>(asked);
  auto* completion = librados::Rados::aio_create_completion(kept.get(), tell);
  const int begun = pool.io.aio_stat("rbd_id." + name, completion, &asked->size, &asked->changed);
  if (begun == 0) static_cast<void>(kept.release());  // now owned by the completion callback
  const bool is_answered = begun == 0 && answered.wait_for(limit) == std::future_status::ready;
  const int answer = is_answered ? completion->get_return_value() : begun;
  completion->release();
  if (begun == 0 && !is_answered)
    return no_effect(Code::Unavailable,
                     "the cluster has not answered for image " + name + " within " + std::to_string(limit.count()) + " ms");
  if (answer == -ETIMEDOUT) return pool.connection->error(answer, "look for image " + name, Effect::None);
  // A refusal is an answer, even if this daemon is fenced (the connection remembers that): the actual operation reports it.
  if (answer < 0 && answer != -ENOENT) static_cast<void>(pool.connection->error(answer, "look for image " + name, Effect::None));
  return Ok{};
}

}  // namespace blockplug::rbd
