// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/file_source.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "attach-detach/json_depth.h"
#include "attach-detach/roles.h"
#include "attach-detach/utf8.h"
#include "hotplug/host/file_id.h"
#include "hotplug/vm/descriptor_set.h"
#include "hotplug/vm/throttled_node.h"

namespace blockplug {
Result<NodeRecipe> FileSource::recipe(const Call& call) {
  const std::string path = fact(call.below, roles::kImagePath);
  if (path.empty()) return no_effect(Code::Internal, "the hold of " + call.key.volume.str() + " does not name its file");
  if (as_utf8(path) != path)
    return no_effect(Code::FailedPrecondition,
                     "the path of " + call.key.volume.str() + " is not UTF-8, which QEMU needs: rename it");
  const int mode = call.spec.access == Access::ReadOnly ? O_RDONLY : O_RDWR;
  FileDescriptor opened{::open(path.c_str(), mode | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
  struct stat found {};
  if (!opened.is_open() || ::fstat(opened.get(), &found) != 0)
    return no_effect(errno == ENOENT ? Code::NotFound : Code::Unavailable, path + ": " + std::strerror(errno));
  if (const auto held = fact(call.below, roles::kImageId); !held.empty() && image_of(id_of(found)).str() != held)
    return no_effect(Code::FailedPrecondition, path + " is " + image_of(id_of(found)).str() + " now, and not the held " + held +
                                                   ": detach the volume, or restore the file");
  const int set = new_descriptor_set(call.key.volume, path);
  const nlohmann::json file{{"driver", "file"},
                            {"filename", path_of_set(set)},
                            {"cache", {{"direct", fact(call.below, roles::kImageDirect) == "true"}, {"no-flush", false}}},
                            {"discard", "unmap"}};
  return NodeRecipe{.file_json = file.dump(),
                    .objects_json = {},
                    .size_bytes = found.st_size,
                    .file = std::move(opened),
                    .descriptor_set = set,
                    .passes_trim = passes_trim(limits_of(call.spec))};
}

std::optional<bool> FileSource::is_of_volume(const Call& call, const std::string& shown) {
  const std::string path = fact(call.below, roles::kImagePath);
  if (path.empty()) return std::nullopt;
  const auto parsed = is_too_deep(shown) ? nlohmann::json() : nlohmann::json::parse(shown, nullptr, false);
  const auto name = parsed.is_object() ? parsed.value("filename", nlohmann::json()) : nlohmann::json(shown);
  if (!name.is_string()) return false;
  const auto& text = name.get_ref<const std::string&>();
  return text == path || is_set_of(text, call.key.volume, path);  // the path: opened by a version that passed no descriptors
}

}  // namespace blockplug
