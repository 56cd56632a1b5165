// SPDX-License-Identifier: Apache-2.0
#pragma once
// A file that QEMU opens by its path, and that needs a key to be opened.
#include <nlohmann/json.hpp>

#include "hotplug/vm/file_source.h"
#include "hotplug/vm/names.h"

namespace blockplug::testing {

class KeyedSource : public NodeSource {
 public:
  Result<NodeRecipe> recipe(const Call& call) override {
    auto recipe = TRY(file_.recipe(call));
    recipe.file = {};
    auto file = nlohmann::json::parse(recipe.file_json);
    file["filename"] = call.below.at("image.path");
    recipe.file_json = file.dump();
    recipe.objects_json = {nlohmann::json{
        {"qom-type", "secret"},
        {"id", secret_name(call.key.volume)},
        {"data", "aGVsbG8="},
        {"format", "base64"}}.dump()};
    return recipe;
  }
  Status answers(const Call&) override { return Ok{}; }
  Status answers(const VolumeId&) override { return Ok{}; }
  std::optional<bool> is_of_volume(const Call& call, const std::string& shown) override { return file_.is_of_volume(call, shown); }

 private:
  FileSource file_;
};

}  // namespace blockplug::testing
