// SPDX-License-Identifier: Apache-2.0
#pragma once
// QMP messages from and to bytes (docs/interop/qmp-spec.rst of QEMU). Pure; used by one thread at a time.
//
// Error messages of this file never quote QMP data, which may contain a secret.
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "attach-detach/outcome.h"
#include "hotplug/vm/qmp/client.h"
#include "hotplug/vm/qmp/framer.h"

namespace blockplug::qmp {

struct Greeting {
  std::vector<std::string> capabilities;  // "oob"
};
struct Refusal {
  std::string error_class;  // "GenericError"
  std::string description;
};
struct Reply {
  std::optional<std::string> id;  // nullopt if QEMU could not parse the command; our ids are always strings
  std::variant<std::shared_ptr<nlohmann::json>, Refusal> outcome;
};
using Message = std::variant<Greeting, Reply, Event>;

// One message from one JSON text.
Result<Message> parse_message(std::string_view text);

// One line. `arguments`: an object, or null for none. InvalidArgument: anything else, or not UTF-8.
Result<std::string> encode_command(std::string_view command, const nlohmann::json& arguments, std::string_view id);

// Messages from a stream of bytes.
class Decoder {
 public:
  explicit Decoder(std::size_t limit_bytes = kMessageLimitBytes) : framer_(limit_bytes) {}
  void feed(std::string_view bytes) { framer_.feed(bytes); }
  // nullopt: more bytes are needed. After an error the stream is unusable.
  Result<std::optional<Message>> next();
  bool is_inside_message() const { return framer_.is_inside(); }

 private:
  Framer framer_;
};

}  // namespace blockplug::qmp
