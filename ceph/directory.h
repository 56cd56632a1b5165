// SPDX-License-Identifier: Apache-2.0
#pragma once
// Private to this folder's .cc files: the directory of a pool's images (object rbd_directory), where librbd has each name a second
// time, and by which it goes where it renames and deletes. See src/cls/rbd/cls_rbd.cc of Ceph for the class methods.
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug::rbd {

struct Pool;

// The id that the directory has for a name; empty: none.
Result<std::string> listed_id(Pool& pool, const std::string& name);
// The end of librbd's rename that was stopped when the image had both names.
Status end_renaming(Pool& pool, const std::string& from, const std::string& to, const std::string& id);

}  // namespace blockplug::rbd
