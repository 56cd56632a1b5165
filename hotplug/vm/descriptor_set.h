// SPDX-License-Identifier: Apache-2.0
#pragma once
// A file that QEMU may not open itself (it runs as another user, in a sandbox, or sees other mounts): we open it and pass the
// descriptor by add-fd; blockdev-add then opens "/dev/fdset/<number>". The number tells the volume's file, because QEMU forgets the
// set's own text when it opens the node again; a random part keeps it from joining a set that an earlier open left. Pure functions.
//
// QEMU takes numbers up to 2^31 - 1 (util/osdep.c, 7.2). Others count from 0; ours have bit 30.
//
//   30 │ 29 … 12: hash of volume and path │ 11 … 0: random
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "attach-detach/ids.h"

namespace blockplug {

int new_descriptor_set(const VolumeId& volume, std::string_view path);
std::string path_of_set(int number);                                                    // "/dev/fdset/1810821197"
bool is_set_of(std::string_view shown, const VolumeId& volume, std::string_view path);  // ours, with this file
std::string text_of_set(const VolumeId& volume);                                        // "blockplug bp.local.data"
// Our sets in the reply of query-fdsets, by number.
std::map<int, VolumeId> our_sets(const nlohmann::json& sets);

}  // namespace blockplug
