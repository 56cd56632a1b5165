// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/local/system_error.h"

#include <cerrno>
#include <system_error>

namespace blockplug::local {
namespace {
Code code_of(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT: return Code::ResourceExhausted;
    case EFBIG: return Code::OutOfRange;
    case ENOENT: return Code::NotFound;
    case EROFS:
    case ELOOP:
    case ENOTDIR:
    case EISDIR:
    case EOPNOTSUPP: return Code::FailedPrecondition;
    case EACCES:
    case EPERM: return Code::PermissionDenied;
    default: return Code::Unavailable;  // EIO, EMFILE, ENOMEM ...: a retry may help
  }
}

const char* advice_for(int error) {
  switch (error) {
    case ENOSPC: return "; free some space or inodes there";
    case EDQUOT: return "; the disk quota is used up";
    case EROFS: return "; remount it read-write, or attach the volume read-only";
    default: return "";
  }
}
}  // namespace

Error system_error(int error, const std::string& what, Effect effect) {
  return {code_of(error), effect, "cannot " + what + ": " + std::generic_category().message(error) + advice_for(error)};
}

}  // namespace blockplug::local
