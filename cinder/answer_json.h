// SPDX-License-Identifier: Apache-2.0
#pragma once
// JSON of a server that may send anything, read value by value. Pure; private to the .cc files that parse answers.
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "attach-detach/outcome.h"

namespace blockplug::cinder {

using Json = nlohmann::json;

// DataLoss: larger than 16 MiB, nested deeper than 64 levels, or not JSON.
Result<Json> json_from(std::string_view body);

// The member of that name; nullptr: `json` is no object, has none, or it is null.
const Json* member(const Json& json, std::string_view name);

// A number is its digits, a boolean "true" or "false". Empty: it is another kind of value, or (text_in) there is none.
std::string text_of(const Json& value);
std::string text_in(const Json& json, std::string_view name);
bool flag_in(const Json& json, std::string_view name);  // true, "true", "True" or a number but 0
std::map<std::string, std::string, std::less<>> texts_in(const Json& json, std::string_view name);

// What cannot be done without. `what`: "the volume" and the like, for the message.
struct Needed {
  const Json& json;
  std::string what;

  Result<std::string> text(std::string_view name) const;    // not empty
  Result<std::string> id(std::string_view name) const;      // is_id: URLs are made of it
  Result<std::int64_t> whole(std::string_view name) const;  // 0 or more, in 32 bits as in Cinder's database
  Result<const Json*> array(std::string_view name) const;
  Result<const Json*> object(std::string_view name) const;
};

bool is_id(std::string_view text);  // 1 to 255 letters, digits, '-', '_' and '.', but not only dots
Error data_loss(std::string message);

}  // namespace blockplug::cinder
