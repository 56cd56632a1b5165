// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/volume_text.h"

#include <map>

#include "volume-plugin/cli/attachment_text.h"
#include "volume-plugin/cli/report_text.h"
#include "volume-plugin/cli/table.h"
#include "volume-plugin/size.h"

namespace blockplug::cli {

std::string volumes_text(const v1::ListVolumesResponse& response, WallClock::time_point now) {
  Table table({"VOLUME", "BACKEND", "SIZE", "AGE"});
  for (const auto& volume : response.volumes())
    table.add({volume.id(), volume.backend(), format_size(volume.size_bytes()),
               volume.has_created() ? age_of(volume.created(), now) : std::string{}});
  return table.text();
}

std::string volume_text(const v1::Volume& volume, WallClock::time_point now) {
  Report report(volume.id());
  report.add("size", format_size(volume.size_bytes()) + " (" + std::to_string(volume.size_bytes()) + " bytes)");
  report.add("backend", volume.backend());
  if (volume.has_created()) report.add("created", moment(volume.created(), now));
  for (const auto& [name, value] : std::map<std::string, std::string>(volume.details().begin(), volume.details().end()))
    report.add(name, value);
  if (volume.attachments().empty()) report.add("attached", "nowhere");
  for (const auto& attachment : volume.attachments()) report.add("attached", where_and_how(attachment));
  return report.text();
}

}  // namespace blockplug::cli
