// SPDX-License-Identifier: Apache-2.0
#pragma once
// What an attempt came to. No exceptions cross folders: they return these.
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "attach-detach/check.h"

namespace blockplug {

using Clock = std::chrono::steady_clock;      // deadlines and backoff
using WallClock = std::chrono::system_clock;  // for people only
using Time = Clock::time_point;

// gRPC's canonical codes, under their own names (https://grpc.github.io/grpc/core/md_doc_statuscodes.html).
enum class Code : std::uint8_t {
  Cancelled = 1,
  Unknown = 2,
  InvalidArgument = 3,
  DeadlineExceeded = 4,
  NotFound = 5,
  AlreadyExists = 6,
  PermissionDenied = 7,
  ResourceExhausted = 8,
  FailedPrecondition = 9,
  Aborted = 10,
  OutOfRange = 11,
  Unimplemented = 12,
  Internal = 13,
  Unavailable = 14,
  DataLoss = 15,
  Unauthenticated = 16,
};

// May the world have changed? Every error says so.
enum class Effect : std::uint8_t { None, Unknown };

struct Error {
  Code code{Code::Internal};
  Effect effect{Effect::Unknown};
  std::string message;
  bool operator==(const Error&) const = default;
};

inline Error no_effect(Code code, std::string message) { return {code, Effect::None, std::move(message)}; }
inline Error maybe_effect(Code code, std::string message) { return {code, Effect::Unknown, std::move(message)}; }

// Context added on the way up: `within("plug", error)` reads "plug: no free hot-plug slot".
inline Error within(const std::string& context, Error error) {
  error.message = context + ": " + error.message;
  return error;
}

const char* to_text(Code code);  // "NOT_FOUND"
std::optional<Code> code_from_text(const std::string& text);

struct Ok {};

// A value or an Error. Status is a Result that carries nothing.
template <typename T>
class [[nodiscard]] Result {
 public:
  using Value = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)
  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & {
    CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    CHECK(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  Error& error() & {
    CHECK(!ok());
    return *std::get_if<1>(&state_);
  }
  const Error& error() const& {
    CHECK(!ok());
    return *std::get_if<1>(&state_);
  }
  Error&& error() && {
    CHECK(!ok());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, Error> state_;
};
using Status = Result<Ok>;

// TRY(expression): the value, or return its error from this function. A GNU statement expression, allowed for this one macro.
#define TRY(expression)                                         \
  __extension__({                                               \
    auto try_result = (expression);                             \
    if (!try_result.ok()) return std::move(try_result).error(); \
    std::move(try_result).value();                              \
  })

// What a rung learnt and what rungs above it, probes after a crash and people need. Names and values, so that the store and
// `explain` know no type of any adapter; an adapter wraps its own in a struct with to_facts / from_facts.
using Facts = std::map<std::string, std::string, std::less<>>;
std::string fact(const Facts& facts, std::string_view name);  // empty where there is none

}  // namespace blockplug
