// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "cinder/answers.h"

namespace blockplug::cinder {
namespace {

TEST(Reason, IsTheMessageInWhateverForm) {
  struct Row {
    const char* name;
    std::string body, reason;
  };
  const Row rows[] = {
      {"Cinder", R"({"badRequest": {"code": 400, "message": "Invalid volume: status must be available"}})",
       "Invalid volume: status must be available"},
      {"a quota", R"({"overLimit": {"code": 413, "message": "VolumeLimitExceeded: 10 of 10", "retryAfter": "0"}})",
       "VolumeLimitExceeded: 10 of 10"},
      {"Keystone", R"({"error": {"code": 401, "message": "The request needs authentication.", "title": "Unauthorized"}})",
       "The request needs authentication."},
      {"a text as the error", R"({"error": "invalid_client"})", "invalid_client"},
      {"OAuth", R"({"error": "invalid_client", "error_description": "unknown client"})", "unknown client"},
      {"a message alone", R"({"message": "Not found.<br /><br />\n\n\n", "code": "404 Not Found", "title": "Not Found"})",
       "Not found."},
      {"a list of errors", R"({"errors": [{"status": 400, "title": "Bad Request", "detail": "too small"}]})", "too small"},
      {"a text of JSON", R"("no")", "no"},
      {"JSON that says nothing", R"({"volume": {"id": "v1"}, "errors": []})", ""},
      {"a number", "7", ""},
      {"nothing", "", ""},
      {"spaces", " \r\n\t ", ""},
      {"a text", "upstream connect error\r\n  or disconnect\x01", "upstream connect error or disconnect"},
      {"HTML", "<html>\n<head><title>502 Bad\nGateway</title></head><body>secret</body></html>", "502 Bad Gateway"},
      {"HTML in capitals", "<!DOCTYPE HTML>\n<HTML><TITLE lang=en>Oops</TITLE>", "Oops"},
      {"HTML without a title", "<!doctype html><html><body>secret</body></html>", "a page of HTML"},
      {"HTML with an empty title", "<html><title> </title></html>", "a page of HTML"},
      {"HTML that was cut off", "<html><head><title>502 Bad", "a page of HTML"},
      {"beyond ASCII", "{\"error\": {\"message\": \"größe: 10€ \\u001b[2J\"}}", "gr??e: 10? [2J"},
      {"not UTF-8", "gr\xfc\xdf", "gr??"},
  };
  for (const auto& row : rows) EXPECT_EQ(reason_in(row.body), row.reason) << row.name;
}

TEST(Reason, HasAtMost300Bytes) {
  EXPECT_EQ(reason_in(std::string(300, 'x')), std::string(300, 'x'));
  EXPECT_EQ(reason_in(std::string(301, 'x')), std::string(297, 'x') + "...");
  EXPECT_EQ(reason_in(std::string(20 << 20, 'x')).size(), 300U);
  EXPECT_EQ(reason_in(std::string(300, 'x') + "  "), std::string(300, 'x'));
  EXPECT_EQ(reason_in(R"({"error": {"message": ")" + std::string(1000, 'y') + "\"}}"), std::string(297, 'y') + "...");
  EXPECT_EQ(reason_in(std::string(100'000, '[')).size(), 300U);
}

}  // namespace
}  // namespace blockplug::cinder
