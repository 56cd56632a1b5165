// SPDX-License-Identifier: Apache-2.0
#pragma once
// What blockplug-helper does with devices and mounts. Arguments and answers are Facts; errors have effect None unless they say
// otherwise, and a code that the rungs pass on.
//
//   stage    device, number, filesystem (or "auto"), path, access "rw"|"ro", flags (newline between), record (FormatRecord's text),
//            resumable "true"|"false": is this the attempt that began the mkfs of the record?
//            → filesystem, uuid, size_bytes (of the device); record "formatted" where that is to be written; grow "true": it
//              is mounted already and smaller than the device;
//              or blank "true", filesystem (to be made), resume "true"|"false": nothing was changed, it may be formatted
//   format   device, number, filesystem, uuid, resume, resumable → nothing. It must still be blank, unless it resumes
//   grow     device, number, filesystem, path → size_bytes
//   bind     source, number, shape "directory"|"block", path, access, flags → nothing; or busy: who keeps it from becoming read-only
//   unmount  path, number and device (whose mount it is; only such a one is taken), hole "true"|"false" → nothing, also where
//            nothing was mounted; or busy: who uses it. With hole, users in other mount namespaces count, too

#include "hotplug/helper/program.h"

namespace blockplug::mount {

Verbs verbs();

Result<Facts> stage_verb(const Facts& arguments);
Result<Facts> format_verb(const Facts& arguments);
Result<Facts> grow_verb(const Facts& arguments);
Result<Facts> bind_verb(const Facts& arguments);
Result<Facts> unmount_verb(const Facts& arguments);

std::string value_of(const Facts& facts, std::string_view name);  // empty where there is none

}  // namespace blockplug::mount
