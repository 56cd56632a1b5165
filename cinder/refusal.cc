// SPDX-License-Identifier: Apache-2.0
#include "cinder/refusal.h"

#include <algorithm>
#include <ctime>
#include <iomanip>
#include <sstream>

#include "attach-detach/number.h"
#include "attach-detach/printable.h"
#include "cinder/answers.h"

namespace blockplug::cinder {
namespace {
using std::chrono::seconds;
constexpr seconds kLongestRest{600}, kRestWithoutWord{2};

std::string header(const HttpAnswer& answer, const std::string& name) {
  const auto found = answer.headers.find(name);
  return found == answer.headers.end() ? std::string{} : found->second;
}

std::string request_id(const HttpAnswer& answer) {
  auto id = header(answer, "x-openstack-request-id");
  if (id.empty()) id = header(answer, "x-compute-request-id");
  return id.empty() ? id : " (" + printable(id) + ")";
}

bool is_rate(const HttpAnswer& answer) {
  constexpr int kTooMany = 429, kSomeLimiters = 497, kMoreLimiters = 498;
  return answer.status == kTooMany || answer.status == kSomeLimiters || answer.status == kMoreLimiters;
}

Code code_of(const HttpAnswer& answer, const std::string& reason) {
  switch (answer.status) {
    case 400:
      return reason.find("nvalid volume") != std::string::npos || reason.find("status must be") != std::string::npos
                 ? Code::FailedPrecondition
                 : Code::InvalidArgument;
    case 401: return Code::Unauthenticated;
    case 403: return Code::PermissionDenied;
    // Cinder's own word for it; a proxy or an ingress without it says 404 too.
    case 404: return answer.body.find("\"itemNotFound\"") != std::string::npos ? Code::NotFound : Code::Unavailable;
    case 409: return Code::Aborted;
    case 413: return Code::ResourceExhausted;
    default: return Code::Unavailable;
  }
}

std::string advice(const HttpAnswer& answer) {
  switch (answer.status) {
    case 401: return ": check the credentials of the cloud";
    case 403: return ": the user needs the role member in the project";
    case 413: return ": delete volumes or snapshots, or have the project's quota raised";
    default: return is_rate(answer) ? ": the cloud limits the rate of calls, which are made again later" : "";
  }
}
}  // namespace

Error refusal(const HttpAnswer& answer, const std::string& what, Sends sends) {
  const auto reason = reason_in(answer.body);
  const bool may_have_happened = answer.status >= 500 && sends != Sends::Nothing;
  return {code_of(answer, reason), may_have_happened ? Effect::Unknown : Effect::None,
          what + ": " + (reason.empty() ? "refused" : reason) + ", status " + std::to_string(answer.status) + request_id(answer) +
              advice(answer)};
}

Error unreadable(const Error& problem, const std::string& what, Sends sends) {
  return {Code::Unavailable, sends == Sends::Nothing ? Effect::None : Effect::Unknown,
          what + ": the answer cannot be used: " + problem.message};
}

std::optional<seconds> rest_in(const HttpAnswer& answer, WallClock::time_point now) {
  constexpr int kOverloaded = 503;
  if (!is_rate(answer) && answer.status != kOverloaded) return std::nullopt;
  const auto text = header(answer, "retry-after");
  if (const auto given = number_from<std::int64_t>(text)) return std::clamp(seconds(*given), seconds(0), kLongestRest);
  std::tm date{};
  std::istringstream in(text);
  in.imbue(std::locale::classic());
  if (!text.empty() && in >> std::get_time(&date, "%a, %d %b %Y %H:%M:%S GMT")) {
    const auto until = WallClock::from_time_t(::timegm(&date));
    return std::clamp(std::chrono::ceil<seconds>(until - now), seconds(0), kLongestRest);
  }
  return is_rate(answer) ? std::optional(kRestWithoutWord) : std::nullopt;
}

}  // namespace blockplug::cinder
