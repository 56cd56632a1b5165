// SPDX-License-Identifier: Apache-2.0
#pragma once
// Cuts a stream of bytes into JSON objects, in linear time, without understanding them. Used by one thread.
//
// It counts brackets outside strings and limits depth and size, so that the parser behind it never gets an oversized or incomplete
// object. It does not check whether the text is valid JSON; the parser does.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "attach-detach/outcome.h"

namespace blockplug::qmp {

inline constexpr std::size_t kMessageLimitBytes = 64U << 20U;  // the largest reply of QEMU 7.2 has about 500 kB
inline constexpr std::size_t kDepthLimit = 1024;               // QEMU's own (MAX_NESTING in qobject/json-parser)

class Framer {
 public:
  explicit Framer(std::size_t limit_bytes = kMessageLimitBytes) : limit_bytes_(limit_bytes) {}
  void feed(std::string_view bytes);
  // The next complete object, valid until the next feed(); nullopt while it is incomplete. After an error, always that error: a
  // stream that has lost its framing cannot be trusted.
  Result<std::optional<std::string_view>> next();
  // Has an object begun and not ended?
  bool is_inside() const { return depth_ > 0; }

 private:
  enum class Step : std::uint8_t { Between, Inside, Complete };
  Result<Step> step(char byte);
  Result<Step> step_outside_string(char byte);

  std::size_t limit_bytes_;
  std::string buffer_;
  std::size_t begin_{};    // beginning of the current object
  std::size_t scanned_{};  // everything before it has been scanned
  std::size_t depth_{};
  enum class Text : std::uint8_t { Outside, String, Escape } text_{Text::Outside};
  std::optional<Error> broken_;
};

}  // namespace blockplug::qmp
