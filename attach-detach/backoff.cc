// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/backoff.h"

#include <algorithm>

namespace blockplug {

std::chrono::milliseconds delay_after(int attempts) {
  constexpr std::chrono::milliseconds kFirst{500}, kMost{122'000};
  const int doublings = std::clamp(attempts - 1, 0, 8);
  return std::min(kMost, kFirst * (1 << doublings));
}

bool is_final(const Error& error) {
  if (error.effect == Effect::Unknown) return false;
  switch (error.code) {
    case Code::InvalidArgument:
    case Code::NotFound:
    case Code::AlreadyExists:
    case Code::PermissionDenied:
    case Code::ResourceExhausted:
    case Code::FailedPrecondition:
    case Code::OutOfRange:
    case Code::Unimplemented:
    case Code::DataLoss:
    case Code::Unauthenticated: return true;
    case Code::Cancelled:
    case Code::Unknown:
    case Code::DeadlineExceeded:
    case Code::Aborted:
    case Code::Internal:
    case Code::Unavailable: return false;
  }
  return false;
}

}  // namespace blockplug
