// SPDX-License-Identifier: Apache-2.0
#pragma once
// Errors of CSI calls, and which codes end a call for Kubernetes. Pure functions.
#include <string>
#include <utility>

#include "attach-detach/outcome.h"

namespace blockplug::csi {

// After any other code kubelet and the sidecars take the effect for one that may still come (kubelet's isFinalError).
inline bool is_final(Code code) {
  switch (code) {
    case Code::Cancelled:
    case Code::DeadlineExceeded:
    case Code::Unavailable:
    case Code::ResourceExhausted:
    case Code::Aborted: return false;
    default: return true;
  }
}

inline Error invalid(std::string text) { return no_effect(Code::InvalidArgument, std::move(text)); }

inline Error as_not_final(Error error, const std::string& why) {
  error.message += " (" + std::string(to_text(error.code)) + "; " + why + ")";
  error.code = Code::Aborted;
  return error;
}

}  // namespace blockplug::csi
