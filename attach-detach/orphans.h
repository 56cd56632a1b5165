// SPDX-License-Identifier: Apache-2.0
#pragma once
// What has our marker and has no record (a lost store, or somebody's hand). Shown; lowered only when somebody asks for it:
// losing the store must not unplug a pod.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/executor.h"

namespace blockplug {

class Orphans {
 public:
  Orphans(const World& world, Runner& runner, const Ladders& ladders) : world_(world), runner_(runner), ladders_(ladders) {}
  // Asks every rung, each in a lane of its own and by a deadline, so that one that hangs keeps no other from being told. What has
  // no record twice in a row is an orphan: once may be on its way out. What a partial survey does not show is still one.
  void survey();
  void adopted(const AttachmentKey& key);                                     // all of it has a record now
  void adopted(const AttachmentKey& key, const std::optional<RungId>& leaf);  // the trunk has, and this leaf; others have not
  bool has(const AttachmentKey& key) const { return known_.contains(key); }
  const std::map<AttachmentKey, std::vector<Found>>& known() const { return known_; }

 private:
  struct Suspect {
    std::vector<Found> things;
    int times{};  // seen in a row
  };
  struct Asked {  // of one rung
    std::string lane;
    bool is_running{}, is_to_be_repeated{};
    std::map<AttachmentKey, Suspect> suspects;
  };
  void survey(Rung* rung);
  void surveyed(Rung* rung, Survey found);
  bool has_record(const Found& thing) const;
  const World& world_;
  Runner& runner_;
  const Ladders& ladders_;
  std::map<Rung*, Asked> asked_;
  std::map<AttachmentKey, std::vector<Found>> known_;
};

}  // namespace blockplug
