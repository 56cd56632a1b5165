// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/file_source.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

namespace blockplug {
namespace {
std::string fact(const Facts& facts, const char* name) {
  const auto found = facts.find(name);
  return found == facts.end() ? std::string{} : found->second;
}
}  // namespace

Result<NodeRecipe> FileSource::recipe(const Call& call) {
  const std::string path = fact(call.below, "hold.path");
  if (path.empty()) return no_effect(Code::Internal, "hold keeps no path of " + call.key.volume.str() + "'s file");
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0)
    return no_effect(errno == ENOENT ? Code::NotFound : Code::Unavailable, path + ": " + std::strerror(errno));
  const nlohmann::json file{{"driver", "file"},
                            {"filename", path},
                            {"cache", {{"direct", fact(call.below, "hold.direct") == "true"}, {"no-flush", false}}},
                            {"discard", "unmap"}};
  return NodeRecipe{.file_json = file.dump(), .objects_json = {}, .size_bytes = found.st_size};
}

std::optional<bool> FileSource::is_of_volume(const Call& call, const std::string& shown) {
  const std::string path = fact(call.below, "hold.path");
  if (path.empty()) return std::nullopt;
  const auto parsed = nlohmann::json::parse(shown, nullptr, false);
  if (!parsed.is_object()) return shown == path;
  return parsed.contains("filename") && parsed["filename"] == path;
}

}  // namespace blockplug
