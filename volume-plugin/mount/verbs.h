// SPDX-License-Identifier: Apache-2.0
#pragma once
// What blockplug-helper does with devices and mounts. Arguments and answers are Facts; errors have effect None unless they say
// otherwise, and a code that the rungs pass on.
//
//   stage    device, number, filesystem (or "auto"), path, access, flags (newline between), record (FormatRecord's text)
//            → filesystem, uuid, size_bytes; or blank "true": nothing was changed, it may be formatted
//   format   device, number, filesystem, uuid, resume "true"|"false" → nothing. It must still be blank, unless it resumes
//   grow     device, number, filesystem, path → size_bytes
//   bind     source, number, shape "directory"|"block", path, access, flags → nothing
//   unmount  path → nothing. FailedPrecondition: busy. Not mounted is fine
#include "hotplug/helper/program.h"

namespace blockplug::mount {

Verbs verbs();

}  // namespace blockplug::mount
