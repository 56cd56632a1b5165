// SPDX-License-Identifier: Apache-2.0
#include "cinder/cloud_section.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <utility>

#include "attach-detach/printable.h"
#include "attach-detach/utf8.h"

namespace blockplug::cinder {
namespace {

constexpr std::size_t kMostKeys = 10'000;  // merge keys (<<) may multiply what is in the file
constexpr int kMostMerges = 16;            // merge keys in what they name

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  Result<FoundCloud> read(const std::string& text, const std::string& cloud) {
    try {
      TRY(check_utf8(text));
      FoundCloud found;
      const auto document = YAML::Load(text);
      if (document.IsNull()) return found;
      const YAML::Node clouds = document.IsMap() ? document["clouds"] : document;
      if (!clouds || clouds.IsNull()) return found;
      if (!clouds.IsMap()) return at(clouds.Mark(), "must have 'clouds:', and below it each cloud by its name");
      std::optional<YAML::Node> wanted;
      for (const auto& pair : clouds) {
        if (!pair.first.IsScalar()) continue;
        found.names.push_back(pair.first.Scalar());
        if (pair.first.Scalar() == cloud) wanted.emplace(pair.second);
      }
      if (wanted) found.section = TRY(section(*wanted));
      return found;
    } catch (const YAML::Exception& exception) {
      return at(exception.mark, "not YAML: " + printable(exception.msg));
    } catch (const std::exception&) {
      return no_effect(Code::InvalidArgument, path_ + ": cannot be parsed");
    }
  }

 private:
  using Keys = std::vector<std::pair<std::string, YAML::Node>>;

  Error at(const YAML::Mark& mark, const std::string& what) const {
    const auto line = mark.is_null() ? "" : ":" + std::to_string(mark.line + 1);
    return no_effect(Code::InvalidArgument, path_ + line + ": " + what);
  }

  // yaml-cpp would read other bytes as U+FFFD: the password would be another one.
  Status check_utf8(std::string_view text) const {
    YAML::Mark mark;
    for (mark.line = 0; !text.empty(); text.remove_prefix(utf8_length(text))) {
      if (utf8_length(text) == 0) return at(mark, "is not UTF-8");
      mark.line += text.front() == '\n' ? 1 : 0;
    }
    return Ok{};
  }

  // Those of merge keys first, which the others override.
  Status collect(const YAML::Node& map, Keys& keys, int depth = 0) {
    if (map.IsNull()) return Ok{};
    if (!map.IsMap()) return at(map.Mark(), "must be keys with values");
    if (depth > kMostMerges) return at(map.Mark(), "merge keys (<<) are nested too deeply");
    for (const auto& pair : map) {
      if (!pair.first.IsScalar() || pair.first.Scalar() != "<<") continue;
      const YAML::Node merged(pair.second);
      if (!merged.IsSequence()) TRY(collect(merged, keys, depth + 1));
      for (std::size_t left = merged.IsSequence() ? merged.size() : 0; left > 0; --left)  // of several the first counts
        TRY(collect(merged[left - 1], keys, depth + 1));
    }
    for (const auto& pair : map) {
      if (++key_count_ > kMostKeys) return at(map.Mark(), "has too many keys");
      if (!pair.first.IsScalar() || pair.first.Scalar() == "<<") continue;
      auto name = pair.first.Scalar();
      std::replace(name.begin(), name.end(), '-', '_');
      keys.emplace_back(std::move(name), pair.second);
    }
    return Ok{};
  }

  Status put(const std::string& name, const YAML::Node& value, CloudSettings& into) const {
    into.erase(name);
    if (value.IsScalar()) into.emplace(name, value.Scalar());
    if (value.IsScalar() || value.IsNull() || std::ranges::count(known_, name) == 0) return Ok{};
    return at(value.Mark(), name + " must be one value, not a " + (value.IsMap() ? "section" : "list"));
  }

  Result<CloudSection> section(const YAML::Node& map) {
    CloudSection section;
    Keys keys;
    TRY(collect(map, keys));
    for (const auto& [name, value] : keys) {
      if (name == "auth") {
        Keys auth;
        TRY(collect(value, auth));
        section.auth.clear();
        for (const auto& [key, text] : auth) TRY(put(key, text, section.auth));
      } else if (name == "regions") {
        section.regions = TRY(regions(value));
      } else if ((name == "profile" || name == "cloud") && !value.IsNull()) {
        return at(value.Mark(), name +
                                    " names a vendor's profile, which is not supported; copy that profile's values (auth_url, "
                                    "region_name, ...) into this file");
      } else {
        TRY(put(name, value, section.cloud));
      }
    }
    return section;
  }

  // [a, {name: b, values: {…}}]
  Result<std::map<std::string, CloudSection>> regions(const YAML::Node& list) {
    std::map<std::string, CloudSection> regions;
    if (list.IsNull()) return regions;
    if (!list.IsSequence()) return at(list.Mark(), "regions must be a list");
    for (const auto& each : list) {
      const YAML::Node region(each);
      const YAML::Node name = region.IsMap() ? region["name"] : region;
      if (!name || !name.IsScalar()) return at(region.Mark(), "each of the regions must be a name, or have one");
      const YAML::Node values = region.IsMap() ? region["values"] : YAML::Node();
      auto& found = regions[name.Scalar()];
      if (values && values.IsMap() && values["regions"]) return at(values.Mark(), "a region cannot have regions");
      if (values) found = TRY(section(values));
    }
    return regions;
  }

  const std::string& path_;
  const std::vector<std::string> known_ = setting_names();
  std::size_t key_count_ = 0;
};

}  // namespace

Result<FoundCloud> find_cloud(const std::string& text, const std::string& path, const std::string& cloud) {
  return Reader(path).read(text, cloud);
}

void merge(CloudSection& into, const CloudSection& over) {
  for (const auto& [name, value] : over.cloud) into.cloud.insert_or_assign(name, value);
  for (const auto& [name, value] : over.auth) into.auth.insert_or_assign(name, value);
  for (const auto& [name, region] : over.regions) merge(into.regions[name], region);
}

CloudSettings settings_of(CloudSection section) {
  auto& region_name = section.cloud["region_name"];
  if (region_name.empty() && section.regions.size() == 1) region_name = section.regions.begin()->first;
  const auto region = section.regions.find(region_name);
  if (region != section.regions.end()) {
    const auto values = region->second;
    merge(section, values);
  }
  section.cloud.merge(section.auth);
  return std::move(section.cloud);
}

}  // namespace blockplug::cinder
