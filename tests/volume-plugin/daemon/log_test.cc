// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/daemon/log.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "volume-plugin/daemon/log_line.h"

namespace blockplug {
namespace {

struct Row {
  const char* name;
  LogMessage message;
  const char* text;
  const char* json;  // between its braces
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class LogLine : public testing::TestWithParam<Row> {};

TEST_P(LogLine, IsOneLineInBothFormats) {
  const auto& row = GetParam();
  EXPECT_EQ(text_line(row.message), row.text);
  EXPECT_EQ(json_fields(row.message), row.json);
  EXPECT_TRUE(nlohmann::json::accept("{" + json_fields(row.message) + "}"));
}

using namespace std::string_view_literals;
INSTANTIATE_TEST_SUITE_P(
    Log, LogLine,
    testing::Values(
        Row{"Plain", {"local/a", "it is so", {}}, "local/a: it is so", R"("subject":"local/a","text":"it is so")"},
        Row{"Operation", {"a", "b", "cli-7"}, "a: b [op cli-7]", R"("subject":"a","text":"b","operation":"cli-7")"},
        Row{"LineBreaks",
            {"a\nb", "c\r\nd", "e\n"},
            R"(a\nb: c\x0d\nd [op e\n])",
            R"("subject":"a\nb","text":"c\r\nd","operation":"e\n")"},
        Row{"Quotes", {"a", R"(say "no" \ now)", {}}, R"(a: say "no" \\ now)", R"("subject":"a","text":"say \"no\" \\ now")"},
        Row{"ControlBytes",
            {"a", "\x1b[31m\x7f\0z"sv, {}},
            R"(a: \x1b[31m\x7f\x00z)",
            "\"subject\":\"a\",\"text\":\"\\u001b[31m\x7f\\u0000z\""},
        Row{"C1ControlBytes",
            {"a",
             "\xc2\x9b"
             "31m",
             {}},
            R"(a: \xc2\x9b31m)",
            "\"subject\":\"a\",\"text\":\"\xc2\x9b"
            "31m\""},
        Row{"Utf8", {"ü", "日本 🦊", {}}, "ü: 日本 🦊", R"("subject":"ü","text":"日本 🦊")"},
        Row{"NotUtf8", {"a", "x\xff\xc3z", {}}, R"(a: x\xff\xc3z)", "\"subject\":\"a\",\"text\":\"x\xef\xbf\xbd\xef\xbf\xbdz\""},
        Row{"Surrogate",
            {"a", "\xed\xa0\x80", {}},
            R"(a: \xed\xa0\x80)",
            "\"subject\":\"a\",\"text\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        Row{"Overlong", {"a", "\xc0\xaf", {}}, R"(a: \xc0\xaf)", "\"subject\":\"a\",\"text\":\"\xef\xbf\xbd\xef\xbf\xbd\""},
        Row{"FormatCharacters", {"{}", "%v {0} %n", {}}, "{}: %v {0} %n", R"("subject":"{}","text":"%v {0} %n")"},
        Row{"Empty", {{}, {}, {}}, ": ", R"("subject":"","text":"")"}),
    [](const auto& row) { return row.param.name; });

// The contents of set_up_log's file.
class Log : public testing::Test {
 protected:
  ~Log() override {
    set_up_log(Level::Info, LogFormat::Text);
    if (file_ != nullptr) std::fclose(file_);
    std::free(buffer_);  // NOLINT(cppcoreguidelines-no-malloc): from open_memstream
  }
  std::FILE* file() { return file_ = ::open_memstream(&buffer_, &size_); }
  std::string written() {
    std::fflush(file_);
    return {buffer_, size_};
  }

 private:
  std::FILE* file_{};
  char* buffer_{};
  std::size_t size_{};
};

TEST_F(Log, WritesTextWithTimeAndLevel) {
  set_up_log(Level::Info, LogFormat::Text, file());
  log(Level::Warning, "local/a to vm:web-0", "no free hot-plug slot", "cli-7");
  const std::regex expected(
      R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warning local/a to vm:web-0: no free hot-plug slot \[op cli-7\]\n)");
  EXPECT_TRUE(std::regex_match(written(), expected)) << written();
}

TEST_F(Log, WritesJsonLines) {
  set_up_log(Level::Debug, LogFormat::Json, file());
  log(Level::Debug, "a", "first");
  log(Level::Error, "b \"q\"", "two\nlines, {} %v", "csi-1");
  std::istringstream lines(written());
  std::string first, second, rest;
  ASSERT_TRUE(std::getline(lines, first) && std::getline(lines, second));
  EXPECT_FALSE(std::getline(lines, rest));
  auto one = nlohmann::json::parse(first);
  auto two = nlohmann::json::parse(second);
  EXPECT_EQ(one.erase("time"), 1U);
  EXPECT_EQ(one, nlohmann::json({{"level", "debug"}, {"subject", "a"}, {"text", "first"}}));
  EXPECT_TRUE(std::regex_match(two.at("time").get<std::string>(), std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)")));
  two.erase("time");
  EXPECT_EQ(two,
            nlohmann::json({{"level", "error"}, {"subject", "b \"q\""}, {"text", "two\nlines, {} %v"}, {"operation", "csi-1"}}));
}

TEST_F(Log, LeavesOutWhatIsBelowTheLevel) {
  set_up_log(Level::Warning, LogFormat::Text, file());
  EXPECT_FALSE(is_enabled(Level::Debug));
  EXPECT_FALSE(is_enabled(Level::Info));
  EXPECT_TRUE(is_enabled(Level::Warning));
  EXPECT_TRUE(is_enabled(Level::Error));
  log(Level::Info, "a", "b");
  EXPECT_EQ(written(), "");
}

TEST_F(Log, KeepsLinesOfManyThreadsApart) {
  set_up_log(Level::Info, LogFormat::Json, file());
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([thread] {
      for (int line = 0; line < 250; ++line) log(Level::Info, std::to_string(thread), std::string(200, 'x'));
    });
  for (auto& thread : threads) thread.join();
  std::istringstream lines(written());
  std::string line;
  int count = 0;
  for (; std::getline(lines, line); ++count) ASSERT_TRUE(nlohmann::json::accept(line)) << line;
  EXPECT_EQ(count, 1000);
}

}  // namespace
}  // namespace blockplug
