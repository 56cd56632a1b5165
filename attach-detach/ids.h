// SPDX-License-Identifier: Apache-2.0
#pragma once
// Strong names for things. An id is text that was checked at the door; the core only compares it.
#include <compare>
#include <functional>
#include <string>
#include <utility>

namespace blockplug {

template <typename Tag>
class Id {
 public:
  Id() = default;
  explicit Id(std::string text) : text_(std::move(text)) {}
  const std::string& str() const { return text_; }
  bool empty() const { return text_.empty(); }
  auto operator<=>(const Id&) const = default;

 private:
  std::string text_;
};

using VolumeId = Id<struct VolumeTag>;  // "<backend>/<id>", e.g. "local/data-1"
using TargetId = Id<struct TargetTag>;  // "vm:<id>", "host" or "node:<id>"
using ImageId = Id<struct ImageTag>;    // what is really there, e.g. "file:65024:1312"; empty while nothing is there yet

// The first part of a volume id: which configured source it comes from.
inline std::string backend_of(const VolumeId& volume) { return volume.str().substr(0, volume.str().find('/')); }
// The second part: the backend's own name for it.
inline std::string name_of(const VolumeId& volume) {
  const auto slash = volume.str().find('/');
  return slash == std::string::npos ? std::string{} : volume.str().substr(slash + 1);
}

// The part of a target before the colon: "vm", "host", "node"; and what is behind it: which one.
inline std::string kind_of(const TargetId& target) { return target.str().substr(0, target.str().find(':')); }
inline std::string name_of(const TargetId& target) {
  const auto colon = target.str().find(':');
  return colon == std::string::npos ? std::string{} : target.str().substr(colon + 1);
}

struct AttachmentKey {
  VolumeId volume;
  TargetId target;
  auto operator<=>(const AttachmentKey&) const = default;
};

inline std::string to_text(const AttachmentKey& key) { return key.volume.str() + " to " + key.target.str(); }

}  // namespace blockplug

template <typename Tag>
struct std::hash<blockplug::Id<Tag>> {
  std::size_t operator()(const blockplug::Id<Tag>& id) const { return std::hash<std::string>{}(id.str()); }
};
