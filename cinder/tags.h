// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whose an attachment is. Cinder tells a project's member nothing of an attachment without an instance but its id, so the volume's
// metadata has "blockplug.attachment.<its id>" = "<node>/<target> <daemon>". And which volumes were created by Blockplug. Pure
// functions.
#include <optional>
#include <string>

#include "attach-detach/ids.h"
#include "cinder/answers.h"

namespace blockplug::cinder {

inline constexpr const char* kTagPrefix = "blockplug.attachment.";
inline constexpr const char* kCreatedKey = "blockplug.created";  // its value: kCreatedValue
inline constexpr const char* kCreatedValue = "true";
inline constexpr const char* kNameKey = "blockplug.name";  // what the caller of its creation calls it, where that is not its name
inline constexpr const char* kCreationKey = "blockplug.creation";  // which attempt of which order; unique

inline std::string tag_key(const std::string& attachment) { return kTagPrefix + attachment; }

struct Owner {
  std::string node;
  TargetId target;
  std::string daemon;  // tells apart two daemons or backends of one node's name; no space
  bool operator==(const Owner&) const = default;
};
inline std::string to_text(const Owner& owner) { return owner.node + "/" + owner.target.str() + " " + owner.daemon; }

// Empty: it has no tag, or one that is not understood.
inline std::optional<Owner> owner_from(const std::string& value) {
  const auto slash = value.find('/');
  const auto space = value.rfind(' ');
  if (slash == 0 || slash == std::string::npos || space == std::string::npos || space <= slash + 1) return std::nullopt;
  return Owner{value.substr(0, slash), TargetId(value.substr(slash + 1, space - slash - 1)), value.substr(space + 1)};
}
inline std::optional<Owner> owner_of(const Volume& volume, const std::string& attachment) {
  const auto found = volume.metadata.find(tag_key(attachment));
  return found == volume.metadata.end() ? std::nullopt : owner_from(found->second);
}

}  // namespace blockplug::cinder
