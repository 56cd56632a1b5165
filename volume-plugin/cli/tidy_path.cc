// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/tidy_path.h"

#include <sstream>

#include "attach-detach/printable.h"

namespace blockplug::cli {

Result<std::string> tidy_path(const std::string& text) {
  if (!text.starts_with('/'))
    return no_effect(Code::InvalidArgument, "'" + printable(text) + "' is not absolute: give the full path, such as /srv/data");
  std::istringstream parts(text);
  std::string tidy;
  for (std::string part; std::getline(parts, part, '/');) {
    if (part == "..")
      return no_effect(Code::InvalidArgument,
                       "'" + printable(text) + "' contains '..': give the path without it, such as /srv/data");
    if (!part.empty() && part != ".") tidy += "/" + part;
  }
  return tidy.empty() ? "/" : tidy;
}

}  // namespace blockplug::cli
