// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/repair_text.h"

#include "volume-plugin/cli/report_text.h"

namespace blockplug::cli {
namespace {
std::string name_of(const v1::Orphan& orphan) { return orphan.volume() + " at " + orphan.target(); }

std::string outcome_of(const v1::Orphan& orphan) {
  if (orphan.repaired()) return "gone";
  return "still there" + (orphan.problem().empty() ? std::string{} : ": " + orphan.problem());
}
}  // namespace

std::string orphans_text(const v1::RepairResponse& response, bool dry_run) {
  std::string text;
  for (const auto& orphan : response.orphans()) {
    Report report(name_of(orphan));
    for (const auto& thing : orphan.things()) report.add("found", thing);
    if (dry_run) {
      report.add("problem", orphan.problem());
    } else {
      report.add("now", outcome_of(orphan));
    }
    text += report.text();
  }
  return text;
}

std::string left_text(const v1::RepairResponse& response) {
  int left = 0;
  std::string names;
  for (const auto& orphan : response.orphans()) {
    if (orphan.repaired()) continue;
    ++left;
    names += (names.empty() ? "" : ", ") + name_of(orphan);
  }
  if (left == 0) return {};
  return std::to_string(left) + " of " + std::to_string(response.orphans_size()) + (left == 1 ? " is" : " are") +
         " still there: " + names;
}

}  // namespace blockplug::cli
