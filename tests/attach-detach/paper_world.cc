// SPDX-License-Identifier: Apache-2.0
#include "tests/attach-detach/paper_world.h"

#include <algorithm>
#include <sstream>

#include "tests/attach-detach/rungs.h"

namespace blockplug::test {
namespace {

Ladder ladder_of(std::initializer_list<RungKind> trunk, RungKind leaf) {
  Ladder ladder;
  for (const auto& kind : trunk) ladder.trunk.push_back(paper_plan(kind));
  ladder.leaves.push_back(paper_plan(leaf));
  return ladder;
}

RungId id_of(const std::string& name, const Ladder& ladder) {
  if (name.front() == '/') return {ladder.leaves.front().kind, name};
  const RungId id{RungKind(name), {}};
  CHECK(plan_of(ladder, id) != nullptr);
  return id;
}

Access access_of(const std::string& text) { return text == "ro" ? Access::ReadOnly : Access::ReadWrite; }

void read_desired_word(const std::string& word, Attachment& attachment, const Ladder& ladder) {
  auto& desired = attachment.desired;
  if (word == "attached")
    desired.attached = true;
  else if (word == "gone")
    desired.attached = false;
  else if (word == "ro")
    desired.spec.access = Access::ReadOnly;
  else if (word == "shared")
    desired.may_share = true;
  else if (word == "by-force")
    desired.by_force = true;
  else if (word == "complete")
    attachment.ever_complete = true;
  else if (word == "handed-over")
    desired.spec.staging_path = "/h";
  else if (word == "broken")
    attachment.broken = "the guest has it mounted";
  else if (word.starts_with("up-to="))
    desired.up_to = RungKind(word.substr(6));
  else if (word.starts_with("raised="))
    attachment.raised_as = access_of(word.substr(7));
  else if (word.starts_with("/"))
    desired.leaves[id_of(word, ladder)] = {};
  else
    CHECK(!"a word of a desired state");
}

void read_extra(const std::string& extra, RungRecord& record) {
  const auto number = extra.find_first_of("0123456789");
  const auto name = extra.substr(0, number);
  const auto until =
      number == std::string::npos ? std::nullopt : std::optional(kNow + std::chrono::seconds(std::stoi(extra.substr(number))));
  if (name == "wait")
    record.waiting = Waiting{"the weather", until};
  else if (name == "later")
    record.tries = {1, until}, record.last_error = no_effect(Code::Unavailable, "no answer");
  else if (name == "probe")
    record.probes = {1, until};
  else
    CHECK(!"an extra of a rung");
}

void read_rung(const std::string& word, Attachment& attachment, const Ladder& ladder) {
  const auto equals = word.find('=');
  CHECK(equals != std::string::npos);
  auto& record = attachment.rungs[id_of(word.substr(0, equals), ladder)];
  std::stringstream parts(word.substr(equals + 1));
  std::string state, extra;
  std::getline(parts, state, '@');
  const auto mark_end = state.find_first_of("?!*~");
  const auto name = state.substr(0, mark_end);
  for (const auto known : {RungState::Down, RungState::Raising, RungState::Up, RungState::Lowering})
    if (name == to_text(known)) record.state = known;
  CHECK(name == to_text(record.state));
  for (const char sign : mark_end == std::string::npos ? std::string{} : state.substr(mark_end)) {
    if (sign == '?') record.belief = Belief::Unverified;
    if (sign == '!') record.belief = Belief::Unverifiable;
    if (sign == '*') record.belief = Belief::Recheck;
    if (sign == '~') record.is_stale = true;
  }
  while (std::getline(parts, extra, '@')) read_extra(extra, record);
}

}  // namespace

RungPlan paper_plan(RungKind kind) {
  RungPlan plan;
  plan.kind = kind;
  plan.falls_with_below = kind == rungs::kConnect || kind == rungs::kOwn || kind == rungs::kConfirm;
  plan.excludes = kind == rungs::kReserve || kind == rungs::kHold;
  plan.needs_staging_path = kind == rungs::kHandOver;
  plan.is_bookkeeping = kind == rungs::kHandOver || kind == rungs::kReserve || kind == rungs::kConnect || kind == rungs::kConfirm;
  plan.lane = kind == rungs::kHold ? LaneScope::Backend : LaneScope::Target;
  plan.lane_width = plan.lane == LaneScope::Backend ? 8 : 1;
  plan.raise_limit = plan.lower_limit = std::chrono::seconds(10);
  plan.probe_limit = std::chrono::seconds(5);
  return plan;
}

PaperLadders::PaperLadders()
    : local_vm_(ladder_of({rungs::kHandOver, rungs::kHold, rungs::kOpen, rungs::kPlug}, rungs::kGuestMount)),
      local_host_(ladder_of({rungs::kHold, rungs::kMap, rungs::kStage}, rungs::kPublish)),
      rbd_host_(ladder_of({rungs::kHold, rungs::kMap, rungs::kOwn, rungs::kStage}, rungs::kPublish)),
      cinder_vm_(ladder_of({rungs::kHandOver, rungs::kReserve, rungs::kConnect, rungs::kHold, rungs::kOpen, rungs::kOwn,
                            rungs::kPlug, rungs::kConfirm},
                           rungs::kGuestMount)),
      cinder_host_(
          ladder_of({rungs::kReserve, rungs::kConnect, rungs::kHold, rungs::kMap, rungs::kOwn, rungs::kConfirm, rungs::kStage},
                    rungs::kPublish)) {}

const Ladder* PaperLadders::find(const AttachmentKey& key) const {
  const bool is_host = key.target.str() == "host";
  if (backend_of(key.volume) == "none") return nullptr;
  if (backend_of(key.volume) == "cinder") return is_host ? &cinder_host_ : &cinder_vm_;
  if (backend_of(key.volume) == "rbd" && is_host) return &rbd_host_;
  return is_host ? &local_host_ : &local_vm_;
}

std::vector<Volume> read_world(const std::vector<std::string>& lines) {
  const PaperLadders ladders;
  std::vector<Volume> volumes;
  for (const auto& line : lines) {
    std::istringstream words(line);
    std::string volume, target, word;
    words >> volume >> target;
    auto found = std::find_if(volumes.begin(), volumes.end(), [&](const Volume& known) { return known.id.str() == volume; });
    if (found == volumes.end()) found = volumes.insert(volumes.end(), Volume{VolumeId(volume), ImageId("image"), {}, {}});
    auto& attachment = found->attachments[TargetId(target)];
    attachment.key = {found->id, TargetId(target)};
    static const Ladder kNone = ladder_of({}, rungs::kPublish);
    const auto* ladder = ladders.find(attachment.key) == nullptr ? &kNone : ladders.find(attachment.key);
    bool is_rung = false;
    while (words >> word) {
      if (word == "|")
        is_rung = true;
      else if (is_rung)
        read_rung(word, attachment, *ladder);
      else
        read_desired_word(word, attachment, *ladder);
    }
  }
  return volumes;
}

Decision plan_world(const std::vector<Volume>& volumes) {
  static const PaperLadders kLadders;
  std::vector<const Volume*> others;
  for (std::size_t index = 1; index < volumes.size(); ++index) others.push_back(&volumes[index]);
  return plan(volumes.front(), others, kLadders, kNow);
}

std::string text_of(const Decision& decision) { return decision.step ? to_text(*decision.step) : ""; }

bool has_reason(const Decision& decision, const std::string& part) {
  return std::any_of(decision.reasons.begin(), decision.reasons.end(),
                     [&](const Reason& reason) { return (reason.subject + ": " + reason.text).find(part) != std::string::npos; });
}

}  // namespace blockplug::test
