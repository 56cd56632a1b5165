// SPDX-License-Identifier: Apache-2.0
#pragma once
// One commit of the kind that an attach, and a detach, makes before its first effect, into a store beside the daemon's.
#include <memory>
#include <optional>
#include <string>

#include "attach-detach/sqlite_store.h"
#include "tests/bench/samples.h"

namespace blockplug::bench {

class Commits {
 public:
  // Of the trunk to the key's target, and of `leaf` on it. The directory is made.
  static Result<std::unique_ptr<Commits>> open(const std::string& directory, const AttachmentKey& key,
                                               const std::optional<RungId>& leaf = {});
  Status attach();
  Status detach();
  OrderPerformer performer();

 private:
  Commits(std::unique_ptr<SqliteStore> store, AttachmentKey key, std::optional<RungId> leaf)
      : store_(std::move(store)), key_(std::move(key)), leaf_(std::move(leaf)) {}
  std::unique_ptr<SqliteStore> store_;
  AttachmentKey key_;
  std::optional<RungId> leaf_;
  std::int64_t all_desired_{};
};

}  // namespace blockplug::bench
