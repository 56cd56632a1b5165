// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <nlohmann/json.hpp>

#include "attach-detach/number.h"
#include "cinder/answer_json.h"
#include "cinder/answers.h"

namespace blockplug::cinder {
namespace {

// "0" in `form` is any digit.
bool begins_like(std::string_view text, std::string_view form) {
  const auto fits = [](char letter, char of_form) { return of_form == '0' ? letter >= '0' && letter <= '9' : letter == of_form; };
  return text.size() >= form.size() &&
         std::equal(form.begin(), form.end(), text.begin(), [&](char f, char t) { return fits(t, f); });
}

int number_at(std::string_view text, std::size_t at, std::size_t digits) {
  return number_from<int>(text.substr(at, digits)).value_or(-1);
}

// "Z", "+01:00" or nothing, which is UTC.
std::optional<std::chrono::minutes> offset_from(std::string_view text) {
  using std::chrono::hours, std::chrono::minutes;
  if (text.empty() || text == "Z") return minutes(0);
  constexpr std::string_view kAhead = "+00:00", kBehind = "-00:00";
  const bool is_behind = begins_like(text, kBehind);
  if (text.size() != kAhead.size() || !(is_behind || begins_like(text, kAhead))) return std::nullopt;
  const minutes offset = hours(number_at(text, 1, 2)) + minutes(number_at(text, 4, 2));
  return is_behind ? -offset : offset;
}

// "2026-11-29T13:00:00.000000Z"; parts of a second are left out.
std::optional<WallClock::time_point> time_from(std::string_view text) {
  using namespace std::chrono;
  constexpr std::string_view kForm = "0000-00-00T00:00:00";
  constexpr int kFirstYear = 1970, kLastYear = 2200;  // nanoseconds in 64 bits end in 2262
  if (!begins_like(text, kForm)) return std::nullopt;
  auto rest = text.substr(kForm.size());
  if (rest.starts_with('.')) rest.remove_prefix(std::min(rest.find_first_not_of("0123456789", 1), rest.size()));
  const auto offset = offset_from(rest);
  const auto year_number = number_at(text, 0, 4), hour = number_at(text, 11, 2), minute = number_at(text, 14, 2),
             second = number_at(text, 17, 2);
  const year_month_day date(year(year_number), month(static_cast<unsigned>(number_at(text, 5, 2))),
                            day(static_cast<unsigned>(number_at(text, 8, 2))));
  const bool is_time = date.ok() && hour < 24 && minute < 60 && second <= 60;
  if (!is_time || !offset || year_number < kFirstYear || year_number > kLastYear) return std::nullopt;
  return sys_days(date) + hours(hour) + minutes(minute) + seconds(second) - *offset;
}

std::vector<Endpoint> endpoints_in(const Json& token) {
  std::vector<Endpoint> found;
  const auto* catalog = member(token, "catalog");
  if (catalog == nullptr || !catalog->is_array()) return found;
  for (const auto& service : *catalog) {
    const auto* endpoints = member(service, "endpoints");
    if (endpoints == nullptr || !endpoints->is_array()) continue;
    for (const auto& each : *endpoints) {
      const auto region = text_in(each, "region_id");
      Endpoint endpoint{.service_type = text_in(service, "type"),
                        .interface = text_in(each, "interface"),
                        .region = region.empty() ? text_in(each, "region") : region,
                        .url = text_in(each, "url")};
      if (!endpoint.service_type.empty() && !endpoint.url.empty()) found.push_back(std::move(endpoint));
    }
  }
  return found;
}

// It becomes a header.
bool is_token_id(const std::string& id) {
  return !id.empty() && std::ranges::all_of(id, [](char letter) { return letter > 0x20 && letter < 0x7f; });
}

}  // namespace

Result<Token> token_from(const std::string& body, Secret id) {
  if (!is_token_id(id.reveal())) return data_loss("the token's id is missing or cannot be sent in a header");
  const auto json = TRY(json_from(body));
  const Json& content = *TRY((Needed{json, "it"}.object("token")));
  const auto expires = time_from(TRY((Needed{content, "the token"}.text("expires_at"))));
  if (!expires) return data_loss("the token has an invalid expires_at");
  Token token;
  token.id = std::move(id);
  token.expires = *expires;
  if (const auto* project = member(content, "project"); project != nullptr) {
    token.project_id = TRY((Needed{*project, "the token's project"}.id("id")));
    token.project_name = text_in(*project, "name");
  }
  if (const auto* user = member(content, "user"); user != nullptr) token.user_name = text_in(*user, "name");
  token.endpoints = endpoints_in(content);
  return token;
}

}  // namespace blockplug::cinder
