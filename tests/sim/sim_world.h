// SPDX-License-Identifier: Apache-2.0
#pragma once
// The world that rungs act on: what is really there, which faults strike, and the safety rules that every effect is held to.
// It survives crashes of the simulated daemon.
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "attach-detach/ladder.h"
#include "tests/sim/sim_runner.h"

namespace blockplug::sim {

struct RungFaults {  // probability of each, at each job
  double refused{}, failed_before{}, failed_after{}, half_done{}, waits{}, unprovable{}, final{};
  bool is_any() const { return refused + failed_before + failed_after + half_done + waits + unprovable + final > 0; }
};

struct Thing {
  bool is_up{};
  bool is_half{};
  std::int64_t size_bytes{};
  Access access{};
  decltype(Spec::limits) limits{};
};

class SimWorld {
 public:
  SimWorld(SimRunner& runner, Random& random);
  ~SimWorld();

  const Ladders& ladders() const;
  // Another life of the daemon: what the store said of rungs that were not down.
  void begin_life(std::set<std::pair<AttachmentKey, RungId>> due,
                  std::function<bool(const AttachmentKey&, const RungId&)> has_intent);

  // Somebody's hand, or a machine: takes things away behind our back.
  void take_away(const AttachmentKey& key, const RungId& rung);
  // The service that keeps the records elsewhere: while it is away nothing is known or changed there.
  bool cloud_is_away{};
  void reboot();  // everything but images and Cinder's records is gone
  // Another node takes the image of whoever holds it, and has it until it lets go. False: this one does not hold it.
  bool fence(const AttachmentKey& key);
  void let_go(const ImageId& image) { foreign_.erase(image); }
  void let_go_all() { foreign_.clear(); }
  void ask(const AttachmentKey& key);  // a call attaches it
  void forget_fences(const std::function<bool(const AttachmentKey&)>& is_unknown) {
    std::erase_if(fenced_, [&](const auto& entry) { return is_unknown(entry.first); });
  }
  void give_up(const AttachmentKey& key) { given_up_.insert(key); }  // what a call asked for is over: one call, one attempt

  bool is_anything_up() const;
  bool stands_on_hold(const AttachmentKey& key) const;  // anything
  std::string dump() const;
  const Thing& thing(const AttachmentKey& key, const RungId& rung) const;
  bool is_tampered(const AttachmentKey& key) const { return tampered_.contains(key); }
  bool is_fenced(const AttachmentKey& key) const { return fenced_.contains(key) || given_up_.contains(key); }

  std::function<void(const std::string&)> say = [](const std::string&) {};  // what happens, for people
  RungFaults faults;
  std::int64_t struck{};  // jobs in which a fault struck
  std::int64_t jobs{};
  std::int64_t fences{};
  std::int64_t shared_readings{};                // probes that read nothing themselves
  std::set<std::int64_t> cancelled_orders;       // as was told: they are never performed
  std::string violation;                         // the first safety rule that was broken
  std::map<VolumeId, std::int64_t> image_sizes;  // images that exist
  std::map<VolumeId, decltype(Spec::limits)> image_limits;
  ImageId image_of(const VolumeId& volume) const;  // two volumes may be one image
  bool are_images_late{};                          // the door does not know them, Hold says them

 private:
  friend class SimRung;
  friend class SimActs;
  class SimLadders;
  Attempt raise(const Call& call);
  Attempt lower(const Call& call);
  Finding probe(const Call& call);
  Survey survey(RungKind kind);
  Attempt perform(const OrderCall& call);
  void check_effect(const Call& call, const char* what);
  void check_lower(const Call& call);
  void check_raise(const Call& call);
  bool uses_image(const AttachmentKey& key, const RungId& rung) const;
  Facts facts_of(const Call& call, std::int64_t size_bytes) const;
  void violate(const std::string& rule, const Call& call);
  std::optional<Error> refusal_of_hold(const Call& call);
  std::optional<Error> lost_to_the_cloud(const Call& call);
  void forget_due_above(const AttachmentKey& key, const RungId& rung);
  std::vector<RungId> above(const AttachmentKey& key, const RungId& rung) const;
  std::vector<RungId> below(const AttachmentKey& key, const RungId& rung) const;
  bool is_there(const AttachmentKey& key, const RungId& rung) const;

  SimRunner& runner_;
  Random& random_;
  std::unique_ptr<SimLadders> ladders_;
  std::map<std::pair<AttachmentKey, RungId>, Thing> things_;
  // Of each target: what was there when it was last read, with our own changes since. Probes share it.
  struct Reading {
    Time began{};
    std::map<std::pair<AttachmentKey, RungId>, Thing> things;
  };
  std::map<TargetId, Reading> readings_;
  const Thing& read_thing(const Call& call);
  void note_change(const Call& call);
  std::set<AttachmentKey> tampered_;      // a hole was made here, which nobody can know of before a probe
  std::set<AttachmentKey> gaps_;          // the same, and in the disk itself, not only in a record elsewhere
  std::set<AttachmentKey> taken_;         // holds that a fence took, and no look has told yet
  std::map<AttachmentKey, bool> fenced_;  // where a look has told: has a call asked for it since?
  std::set<AttachmentKey> given_up_;      // attachments of which a raise failed for good since a call asked for them
  std::set<ImageId> foreign_;             // images that another node holds
  std::set<std::pair<AttachmentKey, RungId>> due_;
  std::function<bool(const AttachmentKey&, const RungId&)> has_intent_;
  std::string last_volume_;
};

}  // namespace blockplug::sim
