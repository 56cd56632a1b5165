// SPDX-License-Identifier: Apache-2.0
#pragma once
// What fake rungs act on: which are really up. Every call is recorded as text and can be given another answer than "it is so".
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "attach-detach/ladder.h"

namespace blockplug::test {

// vm: [HandOver] → Hold → Open → Plug, GuestMount on top; of backend "cinder": Reserve → Connect → Hold → Open → Own → Plug →
// Confirm. host: Hold → Map → Stage, Publish on top. Another target has no ladder; neither has a volume of the backend "none",
// which has no OrderPerformer either.
class FakeWorld : public Ladders {
 public:
  FakeWorld();
  ~FakeWorld() override;
  const Ladder* find(const AttachmentKey& key) const override;
  OrderPerformer* performer(const VolumeId& volume) const override;
  std::vector<Rung*> rungs() const override;

  void insert_above(const RungKind& below, const RungKind& kind);  // in the ladder of host

  // The next such calls' answers: script["raise open"] = {error, error}. Orders: script["resize"].
  std::map<std::string, std::deque<Attempt>> script;
  bool is_survey_partial{};
  std::map<RungKind, Finding> findings;  // what probe says, whatever is there
  std::set<std::pair<AttachmentKey, RungId>> up;
  std::map<std::string, std::string> real_paths;       // of leaves that are asked for by a symbolic link
  std::map<AttachmentKey, std::set<RungKind>> marked;  // what a survey finds beside it
  std::map<AttachmentKey, std::string> handed_over;    // where; what is mounted in its guest, at /g, no survey finds
  std::int64_t size_bytes{1 << 20};                    // what a rung that is up shows
  std::function<void(const Call&)> on_call = [](const Call&) {};

  std::vector<std::string> calls;  // "raise hold of local/a to vm:x", "perform resize of local/a"
  std::vector<std::string> take_calls() { return std::exchange(calls, {}); }
  std::vector<std::string> operations;  // of each call

 private:
  class FakeRung;
  class FakeActs;
  RungPlan make(const RungKind& kind);
  Attempt answer(const std::string& what, Attempt otherwise);
  std::unique_ptr<OrderPerformer> acts_;
  std::map<RungKind, std::unique_ptr<Rung>> rungs_;
  Ladder vm_, host_, cinder_;
};

}  // namespace blockplug::test
