// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/qmp/codec.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace blockplug::qmp {
namespace {
using nlohmann::json;

std::string described(const Message& message) {
  if (const auto* greeting = std::get_if<Greeting>(&message)) return "greeting " + json(greeting->capabilities).dump();
  if (const auto* event = std::get_if<Event>(&message)) return "event " + event->name + " " + event->data->dump();
  const auto& reply = std::get<Reply>(message);
  const std::string id = reply.id.value_or("-");
  if (const auto* refusal = std::get_if<Refusal>(&reply.outcome))
    return "error " + id + " " + refusal->error_class + ": " + refusal->description;
  return "return " + id + " " + std::get<std::shared_ptr<json>>(reply.outcome)->dump();
}

std::vector<std::string> decoded(const std::vector<std::string_view>& reads) {
  Decoder decoder;
  std::vector<std::string> messages;
  for (const auto read : reads) {
    decoder.feed(read);
    for (;;) {
      const auto message = decoder.next();
      if (!message.ok()) return messages.push_back("broken: " + message.error().message), messages;
      if (!*message) break;
      messages.push_back(described(**message));
    }
  }
  return messages;
}

// Output of QEMU 7.2, with everything that makes framing difficult.
constexpr std::string_view kTranscript =
    R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}})"
    "\r\n"
    R"({"return": {}, "id": "0/connect"})"
    "\r\n"
    R"({"timestamp": {"seconds": 1, "microseconds": 2}, "event": "DEVICE_DELETED", "data": {"device": "bp-}{\"\\", "path": "/\u00e9"}})"
    "\r\n"
    R"({"id": "1/plug", "error": {"class": "GenericError", "desc": "Device 'x' \"]\" not found"}})"
    "\r\n"
    R"({"error": {"class": "GenericError", "desc": "JSON parse error, stray '\uFFFD'"}})"
    "\r\n"
    R"({"event": "STOP"})"
    "\r\n"
    R"({"return": [[{"a": [{}]}], "{\\", null, 1e3], "id": "2/"})"
    "\r\n";

const std::vector<std::string> kTranscriptMessages{
    R"(greeting ["oob"])",
    R"(return 0/connect {})",
    R"(event DEVICE_DELETED {"device":"bp-}{\"\\","path":"/é"})",
    R"(error 1/plug GenericError: Device 'x' "]" not found)",
    "error - GenericError: JSON parse error, stray '\xef\xbf\xbd'",
    "event STOP {}",
    R"(return 2/ [[{"a":[{}]}],"{\\",null,1000.0])",
};

TEST(Codec, DecodesATranscriptReadAtOnce) { EXPECT_EQ(decoded({kTranscript}), kTranscriptMessages); }

TEST(Codec, DecodesATranscriptHoweverItIsSplitInTwo) {
  for (std::size_t at = 0; at <= kTranscript.size(); ++at)
    ASSERT_EQ(decoded({kTranscript.substr(0, at), kTranscript.substr(at)}), kTranscriptMessages) << "split at " << at;
}

TEST(Codec, DecodesATranscriptInReadsOfAnySize) {
  for (std::size_t size = 1; size <= 64; ++size) {
    std::vector<std::string_view> reads;
    for (std::size_t at = 0; at < kTranscript.size(); at += size) reads.push_back(kTranscript.substr(at, size));
    ASSERT_EQ(decoded(reads), kTranscriptMessages) << "reads of " << size;
  }
}

TEST(Codec, DecodesAReplyOfHalfAMegabyteFromSmallReads) {
  json entries = json::array();
  while (entries.size() < 6000)
    entries.push_back({{"name", "entry } \" \\ " + std::to_string(entries.size())}, {"meta-type", "object"}});
  const std::string line = json{{"return", entries}, {"id", "3/schema"}}.dump(4) + "\r\n";
  ASSERT_GT(line.size(), 500'000U);
  std::vector<std::string_view> reads;
  for (std::size_t at = 0; at < line.size(); at += 13) reads.push_back(std::string_view(line).substr(at, 13));
  EXPECT_EQ(decoded(reads), std::vector<std::string>{"return 3/schema " + entries.dump()});
}

TEST(Codec, RefusesJsonThatIsNotQmp) {
  struct Row {
    const char* name;
    std::string text;
    const char* error;
  };
  const std::vector<Row> rows{
      {"brackets that do not match", "{]", "not JSON"},
      {"no value", "{\"return\":}", "not JSON"},
      {"invalid UTF-8", "{\"return\":\"\xc3\x28\"}", "not JSON"},
      {"half a surrogate", R"({"return":"\ud800"})", "not JSON"},
      {"a number too large", R"({"return":1e999})", "not JSON"},
      {"a NUL", std::string("{\"return\":\0}", 12), "not JSON"},
      {"an empty object", "{}", "not QMP: neither greeting, reply nor event"},
      {"something else", R"({"jsonrpc":"2.0"})", "not QMP: neither greeting, reply nor event"},
      {"a greeting that is text", R"({"QMP":"hello"})", "not QMP: the greeting is not an object"},
      {"capabilities that are text", R"({"QMP":{"capabilities":"oob"}})", "not QMP: the capabilities are not an array"},
      {"an event without a name", R"({"event":7})", "not QMP: an event without a name"},
      {"an event whose data is a list", R"({"event":"STOP","data":[]})", "not QMP: an event whose data is not an object"},
      {"return and error", R"({"return":{},"error":{"class":"a","desc":"b"}})",
       "not QMP: a reply that is both a return and an error"},
      {"an error that is text", R"({"error":"no"})", "not QMP: an error without class and desc"},
      {"an error without desc", R"({"error":{"class":"a"}})", "not QMP: an error without class and desc"},
      {"an error whose class is a number", R"({"error":{"class":1,"desc":"b"}})", "not QMP: an error without class and desc"},
      {"an id that is not ours", R"({"return":{},"id":7})", "not QMP: a reply whose id is not a string"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const auto message = parse_message(row.text);
    ASSERT_FALSE(message.ok());
    EXPECT_EQ(message.error().message, row.error);
    EXPECT_EQ(decoded({row.text}), std::vector<std::string>{std::string("broken: ") + row.error});
  }
}

TEST(Codec, RefusesATextThatIsNoObject) {
  for (const char* text : {"", " ", "null", "[]", "\"return\"", "{\"return\":{}", "{} {}"})
    EXPECT_FALSE(parse_message(text).ok()) << text;
}

TEST(Codec, ParsesTheDeepestMessageThatTheFramerLetsThrough) {
  const std::string open = "{\"return\":" + std::string(kDepthLimit - 1, '[');
  EXPECT_EQ(decoded({open + std::string(kDepthLimit - 1, ']') + "}"}).front().substr(0, 10), "return - [");
  EXPECT_EQ(decoded({open + "["}).front(), "broken: a message nested deeper than 1024");
}

TEST(Codec, EncodesACommandAsOneLine) {
  EXPECT_EQ(*encode_command("query-status", json(), "1/op"), "{\"execute\":\"query-status\",\"id\":\"1/op\"}\n");
  EXPECT_EQ(*encode_command("device_del", json{{"id", "a\nb\"é"}}, "2/"),
            R"({"execute":"device_del","arguments":{"id":"a\nb\"\u00e9"},"id":"2/"})"
            "\n");
  EXPECT_EQ(*encode_command("query-block", json::object(), "3/"), "{\"execute\":\"query-block\",\"arguments\":{},\"id\":\"3/\"}\n");
}

TEST(Codec, RefusesArgumentsThatCannotBeSentWithoutQuotingThem) {
  for (const json& arguments : {json("secret"), json{{"data", "secret\xff"}}, json::array({"secret"})}) {
    const auto encoded = encode_command("object-add", arguments, "1/");
    ASSERT_FALSE(encoded.ok());
    EXPECT_EQ(encoded.error().code, Code::InvalidArgument);
    EXPECT_EQ(encoded.error().effect, Effect::None);
    EXPECT_EQ(encoded.error().message.find("secret"), std::string::npos) << encoded.error().message;
  }
}

}  // namespace
}  // namespace blockplug::qmp
