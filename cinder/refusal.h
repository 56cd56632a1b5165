// SPDX-License-Identifier: Apache-2.0
#pragma once
// What an answer of Keystone or Cinder that is no success means. Pure functions. Source: cinder/exception.py and
// cinder/api/openstack/wsgi.py of Cinder, for which statuses it sends when.
#include <chrono>
#include <optional>
#include <string>

#include "cinder/http.h"
#include "cinder/session.h"

namespace blockplug::cinder {

// `what` begins the message: "reserve volume 7…". InvalidArgument, FailedPrecondition (400: the volume is not in a state for it),
// Unauthenticated (401), PermissionDenied (403), NotFound (Cinder's own 404), Aborted (409: something else is going on with it),
// ResourceExhausted (413: a quota), Unavailable (429, 5xx; and what is no status of Cinder's). What was refused had no effect; a
// 5xx may have had one. The message has Cinder's reason and its request id.
Error refusal(const HttpAnswer& answer, const std::string& what, Sends sends);

// A 2xx whose body is not what it must be: retried, as it may have had its effect.
Error unreadable(const Error& problem, const std::string& what, Sends sends);

// For how long the cloud wants to be left alone; nullopt: it does not say. Retry-After in seconds or as a date, at most 10 minutes;
// 2 s for a 429 without it.
std::optional<std::chrono::seconds> rest_in(const HttpAnswer& answer, WallClock::time_point now);

}  // namespace blockplug::cinder
