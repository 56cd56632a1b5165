// SPDX-License-Identifier: Apache-2.0
#pragma once
// What mkfs needs and which options it gets, on the host and in a guest alike. Free functions, any thread; nothing is run here.
#include <cstdint>
#include <string>
#include <vector>

#include "attach-detach/outcome.h"

namespace blockplug::mkfs {

bool is_known(const std::string& filesystem);           // ext4 or xfs: the others take nothing else
Status check_known(const std::string& filesystem);      // InvalidArgument: it is none of them
std::string package_of(const std::string& filesystem);  // that has its programs: "xfsprogs"
Status check_size(const std::string& filesystem,
                  std::int64_t size_bytes);               // InvalidArgument: the volume is too small, or not known
std::int64_t least_bytes(const std::string& filesystem);  // that it can be made in; 0: not known

// Unwritten: the storage says that nothing was ever written: all of it reads as zeros, so that nothing needs to be cleared.
// OwnRemains: what an mkfs of ours left that was cut short. Only then it is forced (mke2fs without a terminal asks nothing either
// way; mkfs.xfs refuses a used device unless it is forced).
// None discards the device first: what is blank has nothing to discard, and where the volume has a limit, it counts (also a TRIM
// counts as if it were written) and would take minutes.
enum class Over { Unwritten, Blank, OwnRemains };
// The signal that ended it, by an exit status as of a shell, of blockplug-helper and of qemu-ga; 0: none did.
int ending_signal(int exit_status);
// A command that changes nothing, and whose output `command` needs: which options does this mkfs know?
std::vector<std::string> question(const std::string& filesystem);
// What it makes can be mounted by Linux 5.4 (xfs: 5.10) and later, whatever a newer mkfs or its configuration has by default: a
// volume is formatted here and mounted elsewhere, by an older node or guest.
std::vector<std::string> command(const std::string& filesystem, const std::string& uuid, const std::string& device, Over over,
                                 const std::string& answer = {});

}  // namespace blockplug::mkfs
