// SPDX-License-Identifier: Apache-2.0
#pragma once
// Private to this folder's .cc files: the directory of a pool's images (object rbd_directory), where librbd stores each name a
// second time, and which it uses to rename and delete. See src/cls/rbd/cls_rbd.cc of Ceph for the class methods.
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug::rbd {

struct Pool;

// The id of a name in the directory; empty: none.
Result<std::string> listed_id(Pool& pool, const std::string& name);
// Finishes a rename by librbd that was interrupted while the image had both names.
Status end_renaming(Pool& pool, const std::string& from, const std::string& to, const std::string& id);

}  // namespace blockplug::rbd
