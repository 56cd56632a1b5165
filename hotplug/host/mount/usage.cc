// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/mount/usage.h"

#include "attach-detach/number.h"

namespace blockplug::mount {
namespace {
std::int64_t number_in(const Facts& facts, std::string_view name) {
  return number_from<std::int64_t>(fact(facts, name)).value_or(0);
}

// Not the volume's own name: what the volume waits for is another thing.
VolumeId name_of_question(const VolumeId& volume) { return VolumeId("usage of " + volume.str()); }
}  // namespace

Result<Usage> usage_of(Helper& helper, const VolumeId& volume, const std::string& path, const std::string& number, Time deadline) {
  const auto question = name_of_question(volume);
  if (const auto left = helper.busy(question))
    return no_effect(Code::Unavailable, *left + ": the file system does not answer; check the storage below it");
  const auto facts = TRY(helper.run({.verb = "usage",
                                     .arguments = {{"path", path}, {"number", number}},
                                     .volume = question,
                                     .what = "reading the usage of " + path,
                                     .deadline = deadline}));
  return Usage{.total_bytes = number_in(facts, "total_bytes"),
               .used_bytes = number_in(facts, "used_bytes"),
               .available_bytes = number_in(facts, "available_bytes"),
               .total_inodes = number_in(facts, "total_inodes"),
               .used_inodes = number_in(facts, "used_inodes"),
               .available_inodes = number_in(facts, "available_inodes"),
               .has_filesystem = fact(facts, "filesystem") == "true"};
}

}  // namespace blockplug::mount
