// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "hotplug/host/mount/device.h"
#include "hotplug/host/mount/filesystem.h"
#include "hotplug/host/mount/mount_table.h"
#include "hotplug/host/mount/verbs.h"

namespace blockplug::mount {

Result<Facts> grow_verb(const Facts& arguments) {
  const auto device = fact(arguments, "device"), path = fact(arguments, "path"), number = fact(arguments, "number");
  const auto fd = TRY(open_device(device, number, O_RDONLY));
  const auto mounted = find_at(TRY(all_mounts()), path);
  if (!mounted || !is_filesystem_of(*mounted, number))
    return no_effect(Code::Aborted, device + " is no longer mounted on " + path + ", so it was not grown");
  TRY(grow_mounted(mounted->filesystem, device, path));
  const auto size_bytes = TRY(size_of_device(fd.get()));
  return Facts{{"size_bytes", std::to_string(size_bytes)}};
}

}  // namespace blockplug::mount
