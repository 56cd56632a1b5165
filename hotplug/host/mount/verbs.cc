// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/mount/verbs.h"

namespace blockplug::mount {

Verbs verbs() {
  return {{"stage", stage_verb},     {"format", format_verb}, {"grow", grow_verb},          {"bind", bind_verb},
          {"unmount", unmount_verb}, {"usage", usage_verb},   {"hand-over", hand_over_verb}};
}

}  // namespace blockplug::mount
