// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/qmp/framer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace blockplug::qmp {
namespace {

struct Framed {
  std::vector<std::string> texts;
  std::string error;  // empty: none
};

Framed frame(Framer& framer, const std::vector<std::string>& reads) {
  Framed framed;
  for (const std::string& read : reads) {
    framer.feed(read);
    for (;;) {
      const auto text = framer.next();
      if (!text.ok()) return framed.error = text.error().message, framed;
      if (!*text) break;
      framed.texts.emplace_back(**text);
    }
  }
  return framed;
}

TEST(Framer, CutsAStreamIntoObjects) {
  struct Row {
    const char* name;
    std::vector<std::string> reads;
    std::vector<std::string> texts;
  };
  const std::vector<Row> rows{
      {"one object", {"{}"}, {"{}"}},
      {"white space around it", {" \t\r\n{}\r\n"}, {"{}"}},
      {"two objects in one read", {"{\"a\":1}\r\n{\"b\":2}\r\n"}, {"{\"a\":1}", "{\"b\":2}"}},
      {"two objects without a line between", {"{}{}"}, {"{}", "{}"}},
      {"one object in three reads", {"{\"a", "\":[1,", "{}]}"}, {"{\"a\":[1,{}]}"}},
      {"line feeds inside an object", {"{\n\"a\":\r\n1\n}"}, {"{\n\"a\":\r\n1\n}"}},
      {"brackets in a string", {R"({"a":"}]{["})"}, {R"({"a":"}]{["})"}},
      {"an escaped quote before a bracket", {R"({"a":"\"}"})"}, {R"({"a":"\"}"})"}},
      {"an escaped backslash ends the string", {R"({"a":"\\"})"}, {R"({"a":"\\"})"}},
      {"an escape split between two reads", {"{\"a\":\"\\", "\"}\"}"}, {"{\"a\":\"\\\"}\"}"}},
      {"half an object", {"{}{\"a\":"}, {"{}"}},
      {"nothing", {""}, {}},
      {"empty reads between", {"{", "", "}"}, {"{}"}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Framer framer;
    const Framed framed = frame(framer, row.reads);
    EXPECT_EQ(framed.error, "");
    EXPECT_EQ(framed.texts, row.texts);
  }
}

TEST(Framer, RefusesWhatIsNoObject) {
  struct Row {
    const char* name;
    std::string bytes;
    const char* error;
  };
  const std::vector<Row> rows{
      {"words", "HTTP/1.1 400", "byte 0x48 where a message should begin"},
      {"an array", "[{}]", "byte 0x5b where a message should begin"},
      {"a closing bracket", "}", "byte 0x7d where a message should begin"},
      {"a number", "42", "byte 0x34 where a message should begin"},
      {"the reset byte", "\xff", "byte 0xff where a message should begin"},
      {"a NUL", std::string(1, '\0'), "byte 0x00 where a message should begin"},
      {"a byte order mark", "\xef\xbb\xbf{}", "byte 0xef where a message should begin"},
      {"a string that never ends", "{\"a\r\n{}", "byte 0x0d inside a string"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Framer framer;
    const Framed framed = frame(framer, {"{\"before\":1}" + row.bytes});
    EXPECT_EQ(framed.texts.size(), 1U) << "what came before the garbage counts";
    EXPECT_EQ(framed.error, row.error);
  }
}

TEST(Framer, StaysBrokenOnceItIsBroken) {
  Framer framer;
  EXPECT_EQ(frame(framer, {"x"}).error, "byte 0x78 where a message should begin");
  EXPECT_EQ(frame(framer, {"{}"}).error, "byte 0x78 where a message should begin");
}

TEST(Framer, BoundsTheDepth) {
  const std::string open = "{\"a\":" + std::string(kDepthLimit - 1, '[');
  Framer deep;
  EXPECT_EQ(frame(deep, {open + std::string(kDepthLimit - 1, ']') + "}"}).texts.size(), 1U);
  Framer too_deep;
  EXPECT_EQ(frame(too_deep, {open + "["}).error, "a message nested deeper than 1024");
}

TEST(Framer, BoundsTheSizeOfOneMessageNotOfTheStream) {
  const std::string fits = "{\"a\":\"123456789\"}";
  Framer framer(fits.size());
  EXPECT_EQ(frame(framer, std::vector<std::string>(100, fits)).texts.size(), 100U);
  const Framed framed = frame(framer, {"{\"a\":\"1234567890\"}"});
  EXPECT_EQ(framed.error, "a message of more than 17 bytes");
  EXPECT_TRUE(framed.texts.empty());
}

TEST(Framer, KnowsWhetherItIsInsideAMessage) {
  Framer framer;
  frame(framer, {"{}\r\n"});
  EXPECT_FALSE(framer.is_inside());
  frame(framer, {"{\"a\""});
  EXPECT_TRUE(framer.is_inside());
}

}  // namespace
}  // namespace blockplug::qmp
