// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "volume-plugin/mount/device.h"
#include "volume-plugin/mount/filesystem.h"
#include "volume-plugin/mount/mount_table.h"
#include "volume-plugin/mount/verbs.h"

namespace blockplug::mount {

Result<Facts> grow_verb(const Facts& arguments) {
  const auto device = value_of(arguments, "device"), path = value_of(arguments, "path"), number = value_of(arguments, "number");
  const auto fd = TRY(open_device(device, number, O_RDONLY));
  const auto mounted = find_at(TRY(all_mounts()), path);
  if (!mounted || !is_filesystem_of(*mounted, number))
    return no_effect(Code::Aborted, device + " is not mounted on " + path + " any more: it is not grown");
  TRY(grow_mounted(mounted->filesystem, device, path));
  const auto size_bytes = TRY(size_of_device(fd.get()));
  return Facts{{"size_bytes", std::to_string(size_bytes)}};
}

}  // namespace blockplug::mount
