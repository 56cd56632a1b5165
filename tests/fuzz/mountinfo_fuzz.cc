// SPDX-License-Identifier: Apache-2.0
// Any bytes as the list of mounts of a guest, whose kernel may be anybody's: no crash, and no entry that no line stands for.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "attach-detach/check.h"
#include "hotplug/guest/guest_mounts.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto mounts = blockplug::parse_mountinfo(text);
  CHECK(static_cast<std::ptrdiff_t>(mounts.size()) <= std::ranges::count(text, '\n') + 1);
  for (const auto& mount : mounts) {
    CHECK(!mount.path.empty());
    const auto* topmost = blockplug::topmost_at(mounts, mount.path);
    CHECK(topmost != nullptr && topmost->path == mount.path && topmost >= &mount);
  }
  return 0;
}
