// SPDX-License-Identifier: Apache-2.0
// Any bytes as the configuration: read, or refused with a line per fault; and what was read is printed so that it is read again as
// the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "attach-detach/check.h"
#include "volume-plugin/daemon/backend_kind.h"
#include "volume-plugin/daemon/config.h"
#include "volume-plugin/daemon/config_values.h"

namespace blockplug {

// Kinds whose keys are of every sort, so that the backends themselves are not needed.
const BackendKinds& backend_kinds() {
  const auto word = [](const std::string& text) { return Result<std::string>(text); };
  static const BackendKinds kinds{{.type = "local",
                                   .keys = {{.name = "path", .read = parse_path, .otherwise = {"/var/lib/blockplug/volumes"}}},
                                   .directory_key = "path",
                                   .make = {}},
                                  {.type = "rbd",
                                   .keys = {{.name = "user", .read = word, .if_missing = "has no user"},
                                            {.name = "pool", .read = word, .if_missing = "has no pool"},
                                            {.name = "monitors", .read = word, .is_list = true}},
                                   .make = {}}};
  return kinds;
}

}  // namespace blockplug

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = blockplug::parse_config(text, "fuzz.yaml", "node-1");
  if (!config.ok()) {
    CHECK(config.error().code == blockplug::Code::InvalidArgument && !config.error().message.empty());
    return 0;
  }
  const auto again = blockplug::parse_config(blockplug::to_yaml(*config), "again.yaml", "node-2");
  CHECK(again.ok() && *again == *config);
  return 0;
}
