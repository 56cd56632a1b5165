// SPDX-License-Identifier: Apache-2.0
#include "cinder/answer_json.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "attach-detach/json_depth.h"
#include "attach-detach/number.h"

namespace blockplug::cinder {
namespace {

constexpr std::size_t kMostBytes = std::size_t{16} << 20;

}  // namespace

Error data_loss(std::string message) { return no_effect(Code::DataLoss, std::move(message)); }

Result<Json> json_from(std::string_view body) {
  if (body.size() > kMostBytes) return data_loss("it is larger than 16 MiB");
  if (is_too_deep(body)) return data_loss("it is nested too deeply");
  auto json = Json::parse(body, nullptr, false);
  if (json.is_discarded()) return data_loss(body.empty() ? "it is empty" : "it is not JSON");
  return json;
}

std::string text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_number() || value.is_boolean() ? value.dump() : std::string{};
}

const Json* member(const Json& json, std::string_view name) {
  if (!json.is_object()) return nullptr;
  const auto found = json.find(std::string(name));
  return found == json.end() || found->is_null() ? nullptr : &*found;
}

std::string text_in(const Json& json, std::string_view name) {
  const auto* value = member(json, name);
  return value == nullptr ? std::string{} : text_of(*value);
}

bool flag_in(const Json& json, std::string_view name) {
  const auto* value = member(json, name);
  if (value == nullptr) return false;
  if (value->is_number()) return *value != 0;
  const auto text = text_of(*value);
  return text == "true" || text == "True" || text == "TRUE";
}

std::map<std::string, std::string, std::less<>> texts_in(const Json& json, std::string_view name) {
  std::map<std::string, std::string, std::less<>> texts;
  const auto* values = member(json, name);
  if (values == nullptr || !values->is_object()) return texts;
  for (const auto& [key, value] : values->items())
    if (!value.is_structured()) texts.emplace(key, text_of(value));
  return texts;
}

Result<std::string> Needed::text(std::string_view name) const {
  auto text = text_in(json, name);
  if (text.empty()) return data_loss(what + " has no " + std::string(name));
  return text;
}

Result<std::string> Needed::id(std::string_view name) const {
  auto id = TRY(text(name));
  if (!is_id(id)) return data_loss(what + " has an invalid " + std::string(name));
  return id;
}

Result<std::int64_t> Needed::whole(std::string_view name) const {
  const auto number = number_from<std::int64_t>(TRY(text(name)));
  if (!number || *number < 0 || *number > INT32_MAX) return data_loss(what + " has an invalid " + std::string(name));
  return *number;
}

Result<const Json*> Needed::array(std::string_view name) const {
  const auto* value = member(json, name);
  if (value == nullptr || !value->is_array()) return data_loss(what + " has no list '" + std::string(name) + "'");
  return value;
}

Result<const Json*> Needed::object(std::string_view name) const {
  const auto* value = member(json, name);
  if (value == nullptr || !value->is_object()) return data_loss(what + " has no '" + std::string(name) + "'");
  return value;
}

bool is_id(std::string_view text) {
  const auto may_be_in_id = [](char letter) {
    return (letter >= '0' && letter <= '9') || (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z') ||
           letter == '-' || letter == '_' || letter == '.';
  };
  return text.size() <= 255 && std::ranges::all_of(text, may_be_in_id) && text.find_first_not_of('.') != std::string_view::npos;
}

}  // namespace blockplug::cinder
