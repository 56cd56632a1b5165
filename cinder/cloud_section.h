// SPDX-License-Identifier: Apache-2.0
#pragma once
// One cloud of a clouds.yaml or secure.yaml (or .json), from the text of the file. Pure functions; the YAML stays in
// cloud_section.cc.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cinder/credentials.h"

namespace blockplug::cinder {

struct CloudSection {
  CloudSettings cloud, auth;  // of the cloud itself, and below "auth"
  std::map<std::string, CloudSection> regions;
};

struct FoundCloud {
  std::optional<CloudSection> section;  // nullopt: the file has no such cloud
  std::vector<std::string> names;       // of all its clouds
};

// InvalidArgument: not YAML, or not of this form; with `path` and the line. Of a key that appears twice the last one counts, as for
// PyYAML; merge keys (<<) are followed.
Result<FoundCloud> find_cloud(const std::string& text, const std::string& path, const std::string& cloud);

// Value by value; those of `over` win.
void merge(CloudSection& into, const CloudSection& over);

// As credentials_from wants them. The region's values win over the cloud's, and the cloud's over those below "auth". Without a
// region_name it is the only one of the regions; where there are several it is left out.
CloudSettings settings_of(CloudSection section);

}  // namespace blockplug::cinder
