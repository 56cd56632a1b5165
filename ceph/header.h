// SPDX-License-Identifier: Apache-2.0
#pragma once
// Private to this folder's .cc files, as connection.h is: an image's header object, read and written without opening the image. So
// this adds no watcher, and needs one round trip. (rbd_id.<name> holds the id of the header rbd_header.<id>; see
// src/cls/rbd/cls_rbd.cc of Ceph for the class methods.)
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
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
  std::string mark;    // metadata blockplug.image: the id of an image that Blockplug created; a clone inherits its parent's
  std::string source;  // metadata blockplug.source: the source that it was cloned from
  std::string format;  // metadata blockplug.format
  std::string limits;  // metadata blockplug.limits
  std::string name;    // metadata blockplug.name, without the id before it: what the caller of its creation calls it
  std::string hold;    // xattr blockplug.hold, unparsed; empty: free
  std::vector<std::string> watchers;  // plain addresses, without duplicates
  bool was_locked{};                  // it is or was locked: see image_lock.h
  std::int64_t data_pool{-1};         // its number, where the data is in another pool than the header
  bool is_ours() const { return mark == id; }
};

inline constexpr const char* kImageMark = "blockplug.image";
inline constexpr const char* kSourceMark = "blockplug.source";
inline constexpr const char* kFormatMark = "blockplug.format";
inline constexpr const char* kLimitsMark = "blockplug.limits";
inline constexpr const char* kNameMark = "blockplug.name";  // "<id> <name>"; with another id: inherited from a clone's parent

// The image's id by its name. NotFound.
Result<std::string> find_image(Pool& pool, const std::string& name);
// Unavailable: the OSD of the image's name has not answered within `limit`. "No such image" and a refusal are answers.
Status check_answers(Pool& pool, const std::string& name, std::chrono::milliseconds limit);
// NotFound: the header does not exist.
Result<Header> read_header(Pool& pool, const std::string& id);
Result<Header> read_header_of(Pool& pool, const std::string& name);

// The same without waiting: any number of them side by side, each as late as its own placement group.
class HeaderReading {
 public:
  // `on_done` is called once, on a thread of librados: it must not block, nor destroy this.
  HeaderReading(const Pool& pool, std::string id, std::function<void()> on_done);
  ~HeaderReading();  // where it is not done, it is given up; `on_done` is not called after that
  HeaderReading(const HeaderReading&) = delete;
  HeaderReading& operator=(const HeaderReading&) = delete;
  bool is_done() const;
  Result<Header> result();  // once, when it is done
  Pool& pool();

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

// Image metadata, as `rbd image-meta` shows it. NotFound.
Status set_metadata(Pool& pool, const std::string& id, const std::string& key, const std::string& value);

// Changes the hold from `from` to `to` in one operation of the OSD; never creates a header. Aborted, effect None: it is not `from`.
// NotFound: the image is gone.
Status change_hold(Pool& pool, const std::string& id, const std::string& from, const std::string& to);

}  // namespace blockplug::rbd
