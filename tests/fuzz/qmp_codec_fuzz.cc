// SPDX-License-Identifier: Apache-2.0
// Any bytes, split into any reads, give the same messages as in one read, without a crash, hang or exception.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "attach-detach/check.h"
#include "hotplug/vm/qmp/codec.h"

namespace blockplug::qmp {
namespace {

// How many messages of each kind, and how it ended.
std::string decoded(std::string_view bytes, std::size_t read_bytes) {
  Decoder decoder(4096);
  std::string kinds;
  while (!bytes.empty()) {
    decoder.feed(bytes.substr(0, read_bytes));
    bytes.remove_prefix(std::min(read_bytes, bytes.size()));
    for (;;) {
      const auto message = decoder.next();
      if (!message.ok()) return kinds + message.error().message;
      if (!*message) break;
      kinds += std::to_string((*message)->index());
    }
  }
  return kinds + (decoder.is_inside_message() ? "inside" : "between");
}

}  // namespace
}  // namespace blockplug::qmp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  CHECK(blockplug::qmp::decoded(bytes, size) == blockplug::qmp::decoded(bytes, data[0] % 32 + 1));
  return 0;
}
