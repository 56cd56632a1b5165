// SPDX-License-Identifier: Apache-2.0
#pragma once
// Cuts a stream of bytes into JSON objects, in linear time, without understanding them. Used by one thread.
//
// It counts brackets outside strings and bounds depth and size, so that the parser behind it meets neither a bomb nor a half
// object. Whether the text is valid JSON is the parser's question.
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
  // The next whole object, valid until the next feed(); nothing while it is incomplete. After an error, that error for ever:
  // a stream that lost its frame cannot be trusted again.
  Result<std::optional<std::string_view>> next();
  // Is there the beginning of an object whose end has not come?
  bool is_inside() const { return depth_ > 0; }

 private:
  enum class Step : std::uint8_t { Between, Inside, Complete };
  Result<Step> step(char byte);
  Result<Step> step_outside_string(char byte);

  std::size_t limit_bytes_;
  std::string buffer_;
  std::size_t begin_{};    // of the object that is being read
  std::size_t scanned_{};  // everything before was looked at, and is not looked at again
  std::size_t depth_{};
  enum class Text : std::uint8_t { Outside, String, Escape } text_{Text::Outside};
  std::optional<Error> broken_;
};

}  // namespace blockplug::qmp
