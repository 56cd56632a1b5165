// SPDX-License-Identifier: Apache-2.0
#pragma once
// The verbs of blockplug-helper for devices and mounts. Arguments and answers are Facts; errors have effect None unless they say
// otherwise, and the rungs pass on their code.
//
//   stage    device, number, filesystem (or "auto"), path, parents "open"|"private" (the directories that are created for it),
//            access "rw"|"ro", flags (newline between), record (FormatRecord's text), resumable "true"|"false": did this rung
//            start the mkfs of the record?
//            → filesystem, uuid, size_bytes (of the device); record "formatted" if that must be written; grow "true": it is
//              already mounted and smaller than the device;
//              or blank "true", filesystem (to make), resume "true"|"false": nothing was changed, it may be formatted
//   format   device, number, filesystem, uuid, resume, resumable, unwritten "true"|"false": does the storage say that nothing was
//            ever written? → nothing. It must still be blank, unless it resumes
//   grow     device, number, filesystem, path → size_bytes
//   bind     source, number, shape "directory"|"block", path, access, flags → nothing; or busy: what prevents it from becoming
//            read-only
//   unmount  path, number and device (only their mount is unmounted), hole "true"|"false" → nothing, also if nothing was mounted;
//            or busy: who uses it. With hole, users in other mount namespaces count too
//   hand-over  path, mark (the tmpfs's source), contents (of its file) → nothing
//   usage    path, number → filesystem "true" and {total,used,available}_{bytes,inodes}; of a bound node only total_bytes

#include "hotplug/host/helper/program.h"

namespace blockplug::mount {

inline constexpr const char* kHandOverFile = "blockplug.json";  // on the tmpfs of a hand-over

Verbs verbs();

Result<Facts> stage_verb(const Facts& arguments);
Result<Facts> format_verb(const Facts& arguments);
Result<Facts> grow_verb(const Facts& arguments);
Result<Facts> bind_verb(const Facts& arguments);
Result<Facts> unmount_verb(const Facts& arguments);
Result<Facts> hand_over_verb(const Facts& arguments);
Result<Facts> usage_verb(const Facts& arguments);

}  // namespace blockplug::mount
