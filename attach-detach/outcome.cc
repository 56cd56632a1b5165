// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/outcome.h"

#include <array>

namespace blockplug {
namespace {
constexpr std::array<std::pair<Code, const char*>, 16> kCodes{{
    {Code::Cancelled, "CANCELLED"},
    {Code::Unknown, "UNKNOWN"},
    {Code::InvalidArgument, "INVALID_ARGUMENT"},
    {Code::DeadlineExceeded, "DEADLINE_EXCEEDED"},
    {Code::NotFound, "NOT_FOUND"},
    {Code::AlreadyExists, "ALREADY_EXISTS"},
    {Code::PermissionDenied, "PERMISSION_DENIED"},
    {Code::ResourceExhausted, "RESOURCE_EXHAUSTED"},
    {Code::FailedPrecondition, "FAILED_PRECONDITION"},
    {Code::Aborted, "ABORTED"},
    {Code::OutOfRange, "OUT_OF_RANGE"},
    {Code::Unimplemented, "UNIMPLEMENTED"},
    {Code::Internal, "INTERNAL"},
    {Code::Unavailable, "UNAVAILABLE"},
    {Code::DataLoss, "DATA_LOSS"},
    {Code::Unauthenticated, "UNAUTHENTICATED"},
}};
}  // namespace

const char* to_text(Code code) {
  for (const auto& [known, text] : kCodes)
    if (known == code) return text;
  return "UNKNOWN";
}

std::optional<Code> code_from_text(const std::string& text) {
  for (const auto& [code, known] : kCodes)
    if (text == known) return code;
  return std::nullopt;
}

std::string fact(const Facts& facts, std::string_view name) {
  const auto found = facts.find(name);
  return found == facts.end() ? std::string{} : found->second;
}

}  // namespace blockplug
