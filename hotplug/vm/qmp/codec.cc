// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/qmp/codec.h"

#include <nlohmann/json.hpp>

namespace blockplug::qmp {
namespace {
using nlohmann::json;

Error not_qmp(const char* what) { return no_effect(Code::InvalidArgument, std::string("not QMP: ") + what); }

json* member(json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::string* text_member(json& object, const char* name) {
  json* found = member(object, name);
  return found == nullptr ? nullptr : found->get_ptr<std::string*>();
}

Result<Message> parse_greeting(json& qmp) {
  if (!qmp.is_object()) return not_qmp("the greeting is not an object");
  Greeting greeting;
  if (json* capabilities = member(qmp, "capabilities"); capabilities != nullptr) {
    if (!capabilities->is_array()) return not_qmp("the capabilities are not an array");
    for (json& capability : *capabilities)
      if (auto* name = capability.get_ptr<std::string*>(); name != nullptr) greeting.capabilities.push_back(std::move(*name));
  }
  return Message(std::move(greeting));
}

Result<Message> parse_event(std::string* name, json* data) {
  if (name == nullptr) return not_qmp("an event without a name");
  if (data != nullptr && !data->is_object()) return not_qmp("an event whose data is not an object");
  auto kept = std::make_shared<const json>(data == nullptr ? json::object() : std::move(*data));
  return Message(Event{std::move(*name), std::move(kept)});
}

Result<Message> parse_reply(json& message, json* value, json* error) {
  Reply reply;
  if (json* id = member(message, "id"); id != nullptr) {
    auto* text = id->get_ptr<std::string*>();
    if (text == nullptr) return not_qmp("a reply whose id is not a string");
    reply.id = std::move(*text);
  }
  if (value != nullptr && error != nullptr) return not_qmp("a reply that is both a return and an error");
  if (value != nullptr) {
    reply.outcome = std::make_shared<json>(std::move(*value));
    return Message(std::move(reply));
  }
  auto* error_class = error->is_object() ? text_member(*error, "class") : nullptr;
  auto* description = error->is_object() ? text_member(*error, "desc") : nullptr;
  if (error_class == nullptr || description == nullptr) return not_qmp("an error without class and desc");
  reply.outcome = Refusal{std::move(*error_class), std::move(*description)};
  return Message(std::move(reply));
}
}  // namespace

Result<Message> parse_message(std::string_view text) {
  json message = json::parse(text, nullptr, false);
  if (message.is_discarded()) return no_effect(Code::InvalidArgument, "not JSON");
  if (!message.is_object()) return not_qmp("not an object");
  if (json* greeting = member(message, "QMP"); greeting != nullptr) return parse_greeting(*greeting);
  if (member(message, "event") != nullptr) return parse_event(text_member(message, "event"), member(message, "data"));
  json* value = member(message, "return");
  json* error = member(message, "error");
  if (value == nullptr && error == nullptr) return not_qmp("neither greeting, reply nor event");
  return parse_reply(message, value, error);
}

Result<std::string> encode_command(std::string_view command, const json& arguments, std::string_view id) {
  if (!arguments.is_null() && !arguments.is_object())
    return no_effect(Code::InvalidArgument, std::string(command) + ": the arguments are not an object");
  try {
    const auto text = [](const json& value) { return value.dump(-1, ' ', true); };
    std::string line = "{\"execute\":" + text(command);
    if (!arguments.is_null()) line += ",\"arguments\":" + text(arguments);
    return line + ",\"id\":" + text(id) + "}\n";
  } catch (const json::exception&) {  // its message would quote the bytes
    return no_effect(Code::InvalidArgument, "a command or its arguments are not UTF-8");
  }
}

Result<std::optional<Message>> Decoder::next() {
  const auto text = TRY(framer_.next());
  if (!text) return std::optional<Message>{};
  return std::optional(TRY(parse_message(*text)));
}

}  // namespace blockplug::qmp
