// SPDX-License-Identifier: Apache-2.0
// The small pure parts: times, tables, endpoints, exit codes.
#include <gtest/gtest.h>

#include "volume-plugin/cli/endpoint.h"
#include "volume-plugin/cli/exit_code.h"
#include "volume-plugin/cli/table.h"
#include "volume-plugin/cli/tidy_path.h"
#include "volume-plugin/cli/time_text.h"

namespace blockplug::cli {
namespace {
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Timeout, IsReadAsPeopleWriteIt) {
  const std::pair<const char*, milliseconds> table[] = {
      {"500ms", milliseconds{500}}, {"60s", seconds{60}}, {"2m", seconds{120}}, {"24h", seconds{86400}}, {"1ms", milliseconds{1}}};
  for (const auto& [text, timeout] : table) {
    const auto read = parse_timeout(text);
    ASSERT_TRUE(read.ok()) << text;
    EXPECT_EQ(*read, timeout) << text;
  }
}

TEST(Timeout, SaysHowToWriteWhatCannotBeRead) {
  for (const auto* text :
       {"", "60", "s", "-1s", "0s", "1.5s", "60 s", "25h", "9223372036854775807h", "99999999999999999999s", "1d"}) {
    const auto read = parse_timeout(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.error().code, Code::InvalidArgument) << text;
    EXPECT_NE(read.error().message.find("such as 60s, 2m or 500ms"), std::string::npos) << text;
  }
}

TEST(Age, IsRoundedForTheEye) {
  const std::pair<int, const char*> table[] = {{-5, "0s"},     {0, "0s"},    {119, "119s"},   {120, "2m"},
                                               {7199, "119m"}, {7200, "2h"}, {172799, "47h"}, {172800, "2d"}};
  for (const auto& [age, text] : table) EXPECT_EQ(format_age(seconds{age}), text);
}

TEST(Time, IsRfc3339WithMillisecondsOnlyWhereThereAreSome) {
  google::protobuf::Timestamp time;
  time.set_seconds(1777629780);
  EXPECT_EQ(format_time(time), "2026-05-01T10:03:00Z");
  time.set_nanos(123456789);
  EXPECT_EQ(format_time(time), "2026-05-01T10:03:00.123Z");
}

TEST(Table, LeavesNoSpacesAtTheEndsOfLinesAndAlignsByCharacters) {
  Table table({"A", "B"});
  table.add({"größe", "x"});
  table.add({"12345678", ""});
  EXPECT_EQ(table.text(), "A         B\ngröße     x\n12345678  -\n");
}

TEST(Table, MakesTextFromOutsideHarmless) {
  EXPECT_EQ(harmless("a\nb\x1b[31m\x7f"), "a\\x0ab\\x1b[31m\\x7f");
  EXPECT_EQ(harmless("\xC2\x9B"), "\\x9b");
  EXPECT_EQ(harmless("ü日\xff\xC3"), "ü日\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Path, IsTidied) {
  for (const auto& [text, path] : {std::pair{"/srv/data", "/srv/data"}, std::pair{"/srv/data/", "/srv/data"},
                                   std::pair{"//srv///data//", "/srv/data"}, std::pair{"/srv/./data/.", "/srv/data"},
                                   std::pair{"/", "/"}, std::pair{"/srv/..data", "/srv/..data"}, std::pair{"/a b/ü", "/a b/ü"}}) {
    const auto tidy = tidy_path(text);
    ASSERT_TRUE(tidy.ok()) << text;
    EXPECT_EQ(*tidy, path);
  }
}

TEST(Path, IsWholeAndGoesNowhereUp) {
  for (const auto* text : {"", "srv", "./srv", "~/x", "../srv"}) {
    const auto refused = tidy_path(text);
    ASSERT_FALSE(refused.ok()) << text;
    EXPECT_NE(refused.error().message.find("not absolute: give the full path"), std::string::npos) << refused.error().message;
  }
  for (const auto* text : {"/srv/../etc", "/..", "/srv/.."}) {
    const auto refused = tidy_path(text);
    ASSERT_FALSE(refused.ok()) << text;
    EXPECT_NE(refused.error().message.find("contains '..'"), std::string::npos) << refused.error().message;
  }
}

TEST(Endpoint, IsAUnixSocket) {
  for (const auto& [text, path] : {std::pair{"unix:///run/a.sock", "/run/a.sock"}, std::pair{"/run/a.sock", "/run/a.sock"},
                                   std::pair{"unix:a.sock", "a.sock"}}) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_TRUE(endpoint.ok()) << text;
    EXPECT_EQ(endpoint->path, path);
  }
  for (const auto& bad : {std::string{}, std::string{"unix://"}, std::string{"unix:"}, std::string{"unix://run/a"},
                          std::string{"localhost:80"}, std::string{"http://x"}, "unix:///" + std::string(200, 'x')})
    EXPECT_FALSE(parse_endpoint(bad).ok()) << bad;
}

struct Exit {
  Error error;
  Asked asked{};
  Daemon daemon{};
  ExitCode code{};
};

TEST(ExitCode, SaysWhetherTheRequestIsStillPending) {
  const auto said = [](Code code) { return maybe_effect(code, "x"); };
  const Exit table[] = {
      {said(Code::DeadlineExceeded), Asked::Attachment, Daemon::Listens, ExitCode::Pending},
      {said(Code::Cancelled), Asked::Order, Daemon::Listens, ExitCode::Pending},
      {said(Code::Unavailable), Asked::Attachment, Daemon::Listens, ExitCode::Pending},
      {said(Code::Unavailable), Asked::Attachment, Daemon::Gone, ExitCode::NoDaemon},
      {no_effect(Code::Unavailable, "x"), Asked::Look, Daemon::Gone, ExitCode::NoDaemon},
      {no_effect(Code::Unavailable, "the cluster is silent"), Asked::Attachment, Daemon::Listens, ExitCode::Refused},
      {no_effect(Code::Cancelled, "x"), Asked::Attachment, Daemon::Listens, ExitCode::Refused},
      {said(Code::Aborted), Asked::Attachment, Daemon::Listens, ExitCode::Refused},
      {said(Code::NotFound), Asked::Attachment, Daemon::Listens, ExitCode::Refused},
      {said(Code::InvalidArgument), Asked::Order, Daemon::Listens, ExitCode::Refused},
      {said(Code::DeadlineExceeded), Asked::Look, Daemon::Listens, ExitCode::Refused},
      {said(Code::Unavailable), Asked::Look, Daemon::Listens, ExitCode::Refused},
  };
  for (const auto& row : table) EXPECT_EQ(exit_code_for(row.error, row.asked, row.daemon), row.code) << to_text(row.error.code);
}

}  // namespace
}  // namespace blockplug::cli
