// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/explain_text.h"

#include <algorithm>
#include <map>
#include <vector>

#include "volume-plugin/cli/attachment_text.h"
#include "volume-plugin/cli/report_text.h"
#include "volume-plugin/cli/table.h"
#include "volume-plugin/size.h"

namespace blockplug::cli {
namespace {
constexpr std::size_t kRungWidth = 12, kMarkWidth = 11, kSinceWidth = 6, kGap = 2;

std::string desired_text(const v1::Attachment& it) {
  if (it.state() == "orphan") return "none";
  if (it.desired() == "detached") return it.desired();
  auto text = it.desired() + (it.read_only() ? ", read-only" : ", read-write");
  if (it.size_bytes() > 0) text += ", " + format_size(it.size_bytes());
  return text;
}

std::string facts_text(const v1::Rung& rung) {
  std::string text;
  for (const auto& [name, value] : std::map<std::string, std::string>(rung.facts().begin(), rung.facts().end()))
    text += (text.empty() ? "" : " ") + name + "=" + value;
  return text;
}

// What the rung waits for, its note, its facts.
std::vector<std::string> details_of(const v1::Rung& rung) {
  std::vector<std::string> details;
  if (!rung.waiting_for().empty()) details.push_back("waits for: " + rung.waiting_for());
  if (!rung.note().empty()) details.push_back("note: " + rung.note());
  if (!rung.facts().empty()) details.push_back(facts_text(rung));
  if (details.empty()) details.emplace_back();
  return details;
}

// A leaf's name has its path in it, so it may be long.
std::size_t rung_width(const v1::Explanation& explanation) {
  std::size_t width = kRungWidth;
  for (const auto& rung : explanation.rungs()) width = std::max(width, width_of(rung.name()) + kGap);
  return width;
}

// "plug        down       3m    waits for: a free slot"; more details below the first.
void add_rung(Report& report, const v1::Rung& rung, std::size_t width, WallClock::time_point now) {
  const auto since = rung.has_since() ? age_of(rung.since(), now) : std::string{"-"};
  auto line = padded(rung.name(), width) + padded(rung.state(), kMarkWidth) + padded(since, kSinceWidth);
  for (const auto& detail : details_of(rung)) {
    report.add("rungs", line + detail);
    line = std::string(width_of(line), ' ');
  }
}

std::string next_try_text(const v1::Attachment& it, WallClock::time_point now) {
  if (!it.has_next_try()) return {};
  return moment(it.next_try(), now) + (it.attempts() > 0 ? ", after " + std::to_string(it.attempts()) + " failed" : "");
}

// The options of `attach VOLUME` that ask for exactly what is there; empty where they are not known.
std::string words_to_keep(const v1::Attachment& it) {
  if (it.target().starts_with("vm:")) return " --vm " + it.target().substr(3);
  if (it.paths().empty()) return {};
  const auto& path = it.paths(0);
  return " --path " + path.path() + (path.block() ? " --block" : "") + (path.read_only() ? " --read-only" : "");
}

void add_advice(Report& report, const v1::Attachment& it) {
  if (it.state() != "orphan") return;
  const auto keep = words_to_keep(it);
  if (!keep.empty()) report.add("to keep it", "blockplug attachment attach " + it.volume() + keep);
  report.add("to remove it", "blockplug repair " + it.volume());
}

std::string explanation_text(const v1::Explanation& explanation, WallClock::time_point now) {
  const auto& it = explanation.attachment();
  Report report(it.volume() + " at " + it.target());
  report.add("desired", desired_text(it));
  report.add("state", state_and_desired(it) + (it.has_since() ? ", since " + moment(it.since(), now) : ""));
  for (const auto& path : it.paths()) report.add("path", path_text(path));
  for (const auto& reason : explanation.reasons()) report.add("reason", reason);
  report.add("running", explanation.running());
  report.add("next try", next_try_text(it, now));
  report.add("last error", it.last_error());
  report.add("held by", it.holder());
  add_advice(report, it);
  // The ladder, top rung first.
  for (auto rung = explanation.rungs().rbegin(); rung != explanation.rungs().rend(); ++rung)
    add_rung(report, *rung, rung_width(explanation), now);
  report.add("device", it.device());
  report.add("operation", explanation.operation());
  return report.text();
}
}  // namespace

std::string explanations_text(const v1::ExplainResponse& response, WallClock::time_point now) {
  std::string text;
  for (const auto& explanation : response.explanations()) text += (text.empty() ? "" : "\n") + explanation_text(explanation, now);
  return text;
}

}  // namespace blockplug::cli
