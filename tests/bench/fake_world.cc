// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/fake_world.h"

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "attach-detach/changes.h"
#include "attach-detach/sqlite_store.h"
#include "tests/bench/fake_backend.h"

namespace blockplug::bench {
namespace {
constexpr std::size_t kPerVm = 100, kPerCommit = 1000;
}  // namespace

AttachmentKey fake_attachment(std::size_t number) {
  return {VolumeId("local/data-" + std::to_string(number)), TargetId("vm:web-" + std::to_string(number / kPerVm))};
}

std::vector<AttachmentKey> fake_attachments(std::size_t count) {
  std::vector<AttachmentKey> keys;
  for (std::size_t number = 0; number < count; ++number) keys.push_back(fake_attachment(number));
  return keys;
}

Status prefill(const std::string& directory, std::size_t count) {
  std::filesystem::create_directories(directory);
  const auto store = TRY(SqliteStore::open(directory, {.is_durable = false}));
  for (std::size_t begin = 0; begin < count; begin += kPerCommit) {
    Changes changes;
    for (auto number = begin; number < std::min(begin + kPerCommit, count); ++number) {
      auto all = everything_of(attached_volume(fake_attachment(number), static_cast<std::int64_t>(number) + 1));
      std::move(all.begin(), all.end(), std::back_inserter(changes));
    }
    TRY(store->apply(changes));
  }
  return Ok{};
}

}  // namespace blockplug::bench
