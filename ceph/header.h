// SPDX-License-Identifier: Apache-2.0
#pragma once
// Private to this folder's .cc files, as connection.h is: an image's header object, read and marked without opening the image. So
// no watcher of ours comes and goes, and one round trip tells all. (rbd_id.<name> names the header, rbd_header.<id>; see
// src/cls/rbd/cls_rbd.cc of Ceph for the class methods.)
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "attach-detach/outcome.h"
#include "ceph/place.h"

namespace blockplug::rbd {

struct Pool;

struct Header {
  std::string id;  // Ceph's, not the name
  std::int64_t size_bytes{};
  std::uint64_t features{};
  WallClock::time_point created{};
  std::string mark;                   // metadata blockplug.image: the id of an image that we made; clones carry their parent's
  std::string source;                 // metadata blockplug.source: what it was cloned from
  std::string format;                 // metadata blockplug.format
  std::string limits;                 // metadata blockplug.limits
  std::string hold;                   // xattr blockplug.hold, as it is; empty: nobody's
  std::vector<std::string> watchers;  // plain addresses, each once
  bool was_locked{};                  // there is a lock on it, or was: see image_lock.h
  bool is_ours() const { return mark == id; }
};

inline constexpr const char* kImageMark = "blockplug.image";
inline constexpr const char* kSourceMark = "blockplug.source";
inline constexpr const char* kFormatMark = "blockplug.format";
inline constexpr const char* kLimitsMark = "blockplug.limits";

// The image's id by its name. NotFound.
Result<std::string> find_image(Pool& pool, const std::string& name);
// Unavailable: the OSD that knows the image's name has not answered within `limit`. That there is none, or a refusal, is an answer.
Status check_answers(Pool& pool, const std::string& name, std::chrono::milliseconds limit);
// NotFound: there is no such header (any more).
Result<Header> read_header(Pool& pool, const std::string& id);
Result<Header> read_header_of(Pool& pool, const std::string& name);

// Image metadata, as `rbd image-meta` shows it. NotFound.
Status set_metadata(Pool& pool, const std::string& id, const std::string& key, const std::string& value);

// The hold becomes `to` if it is still `from`, in one operation of the OSD; never makes a header. Aborted, effect None: it is not
// `from`. NotFound: the image is gone.
Status change_hold(Pool& pool, const std::string& id, const std::string& from, const std::string& to);

}  // namespace blockplug::rbd
