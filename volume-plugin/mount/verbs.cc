// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/mount/verbs.h"

namespace blockplug::mount {

Verbs verbs() {
  return {{"stage", stage_verb}, {"format", format_verb}, {"grow", grow_verb}, {"bind", bind_verb}, {"unmount", unmount_verb}};
}

std::string value_of(const Facts& facts, std::string_view name) {
  const auto found = facts.find(name);
  return found == facts.end() ? std::string{} : found->second;
}

}  // namespace blockplug::mount
