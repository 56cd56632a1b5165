// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/snapshot_text.h"

#include "volume-plugin/cli/report_text.h"
#include "volume-plugin/cli/table.h"
#include "volume-plugin/size.h"

namespace blockplug::cli {

std::string snapshots_text(const v1::ListSnapshotsResponse& response, WallClock::time_point now) {
  Table table({"SNAPSHOT", "SIZE", "AGE", "CLONES"});
  for (const auto& snapshot : response.snapshots()) {
    std::string clones;
    for (const auto& clone : snapshot.clones()) clones += (clones.empty() ? "" : ", ") + clone;
    table.add({snapshot.id(), format_size(snapshot.size_bytes()),
               snapshot.has_created() ? age_of(snapshot.created(), now) : std::string{}, clones});
  }
  return table.text();
}

}  // namespace blockplug::cli
