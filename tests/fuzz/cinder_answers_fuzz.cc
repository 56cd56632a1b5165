// SPDX-License-Identifier: Apache-2.0
// Any bytes as an answer of Keystone or Cinder, which anybody on the way may have written: understood or refused, no crash or hang.
// The first byte says to which question.
#include <cstddef>
#include <cstdint>
#include <string>

#include "attach-detach/check.h"
#include "cinder/answers.h"

namespace {
using namespace blockplug::cinder;  // NOLINT(google-build-using-namespace)

template <typename T>
void check(const blockplug::Result<T>& answer) {
  if (!answer.ok()) CHECK(!answer.error().message.empty());
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string body(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (*data % 8) {
    case 0: check(volume_from(body)); break;
    case 1: check(snapshot_from(body)); break;
    case 2: check(attachment_from(body)); break;
    case 3: check(volumes_from(body)); break;
    case 4: check(snapshots_from(body)); break;
    case 5: check(attachments_from(body)); break;
    case 6: check(newest_microversion(body)); break;
    default: CHECK(reason_in(body).size() <= 300);
  }
  return 0;
}
