// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/helper/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hotplug/host/file_descriptor.h"

namespace blockplug {
namespace {

// run_helper's answer to this request, and its exit status.
struct Told {
  int status{};
  std::string answer;
};
Told tell(const Verbs& verbs, const std::string& request) {
  const int in = ::memfd_create("request", MFD_CLOEXEC), out = ::memfd_create("answer", MFD_CLOEXEC);
  const FileDescriptor answer(::dup(out));
  EXPECT_EQ(::write(in, request.data(), request.size()), static_cast<ssize_t>(request.size()));
  ::lseek(in, 0, SEEK_SET);
  Told told{.status = run_helper(verbs, in, out), .answer = {}};
  char text[4096];
  const auto size = ::pread(answer.get(), text, sizeof text, 0);
  told.answer.assign(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  return told;
}

TEST(HelperProgram, EncodesAndDecodesAnyBytesButNul) {
  const Facts pairs{{"", ""}, {"a", "line\nbreak"}, {"b", "\xff\x01"}, {"c", ""}};
  const auto back = decode(encode(pairs));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, pairs);
  EXPECT_EQ(decode("")->size(), 0U);
}

TEST(HelperProgram, DecodesNothingThatIsCutShortOrDoubled) {
  const auto whole = encode({{"name", "value"}, {"other", "one"}});
  for (std::size_t length = 1; length < whole.size(); ++length) {
    const auto part = decode(whole.substr(0, length));
    EXPECT_EQ(part.ok(), length == encode({{"name", "value"}}).size()) << length;
    if (!part.ok()) {
      EXPECT_EQ(part.error().code, Code::InvalidArgument);
    }
  }
  EXPECT_FALSE(decode(whole + encode({{"name", "again"}})).ok());
}

TEST(HelperProgram, RunsTheVerbAndAnswersItsFacts) {
  const Verbs verbs{{"add", [](const Facts& arguments) -> Result<Facts> {
                       return Facts{{"sum", arguments.at("a") + arguments.at("b")}};
                     }}};
  const auto told = tell(verbs, encode_request("add", {{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(told.status, 0);
  const auto answer = decode_answer(told.answer);
  ASSERT_TRUE(answer && answer->ok());
  EXPECT_EQ(**answer, (Facts{{"sum", "12"}}));
}

TEST(HelperProgram, AnswersErrorsWithCodeEffectAndMessage) {
  const Error none = no_effect(Code::FailedPrecondition, "still\nin use"), unknown = maybe_effect(Code::Unavailable, "perhaps");
  const Verbs verbs{{"none", [&](const Facts&) -> Result<Facts> { return none; }},
                    {"unknown", [&](const Facts&) -> Result<Facts> { return unknown; }},
                    {"throw",
                     [](const Facts& arguments) -> Result<Facts> {
                       return Facts{{"x", arguments.at("missing")}};
                     }},
                    {"nul", [](const Facts&) -> Result<Facts> {
                       return Facts{{"x", std::string("a\0b", 3)}};
                     }}};
  EXPECT_EQ(decode_answer(tell(verbs, encode_request("none", {})).answer)->error(), none);
  EXPECT_EQ(decode_answer(tell(verbs, encode_request("unknown", {})).answer)->error(), unknown);
  EXPECT_EQ(decode_answer(tell(verbs, encode_request("throw", {})).answer)->error().effect, Effect::Unknown);
  EXPECT_EQ(decode_answer(tell(verbs, encode_request("nul", {})).answer)->error().code, Code::Internal);
  EXPECT_EQ(decode_answer(tell(verbs, encode_request("nonsense", {})).answer)->error().code, Code::Unimplemented);
}

TEST(HelperProgram, ObeysNoRequestThatWasCutShort) {
  int calls = 0;
  const Verbs verbs{{"act", [&](const Facts&) -> Result<Facts> { return ++calls, Facts{}; }}};
  const auto whole = encode_request("act", {{"a", "1"}, {"b", "2"}, {"zzz", "3"}});
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto told = tell(verbs, whole.substr(0, length));
    EXPECT_EQ(told.status, 1) << length;
    EXPECT_EQ(told.answer, "");
  }
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(tell(verbs, whole).status, 0);
  EXPECT_EQ(calls, 1);
}

TEST(HelperProgram, TakesNoAnswerForWholeThatWasCutShort) {
  for (const auto& answer : {Result<Facts>{Facts{{"device", "/dev/loop3"}, {"number", "7:3"}}}, Result<Facts>{Facts{}},
                             Result<Facts>{no_effect(Code::NotFound, "none")}}) {
    const auto whole = encode_answer(answer);
    for (std::size_t length = 0; length < whole.size(); ++length) EXPECT_FALSE(decode_answer(whole.substr(0, length))) << length;
    EXPECT_TRUE(decode_answer(whole));
  }
}

TEST(RunProgram, GivesExitStatusAndPrintableOutput) {
  const auto ran = run_program({"sh", "-c", "printf 'one\\ntwo\\033\\377\\n'; echo three >&2; exit 7"});
  ASSERT_TRUE(ran.ok()) << ran.error().message;
  EXPECT_EQ(ran->exit_status, 7);
  EXPECT_EQ(ran->output, "one two ? three");
  EXPECT_EQ(run_program({"sh", "-c", "kill -9 $$"})->exit_status, 137);
}

TEST(RunProgram, KeepsTheEndOfLongOutput) {
  const auto ran = run_program({"sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done"});
  ASSERT_TRUE(ran.ok());
  EXPECT_EQ(ran->output.size(), 1999U);  // without the last line break
  EXPECT_TRUE(ran->output.ends_with(" 19998 19999"));
}

TEST(RunProgram, GivesItNothingButThreeDescriptorsAndAFixedEnvironment) {
  const FileDescriptor leaky(::open("/dev/zero", O_RDONLY));  // without O_CLOEXEC
  ::setenv("SECRET", "of ours", 1);
  EXPECT_EQ(run_program({"ls", "/proc/self/fd"})->output, "0 1 2 3") << "3 is the directory that ls reads";
  EXPECT_EQ(run_program({"readlink", "/proc/self/fd/0"})->output, "/dev/null");
  const auto ran = run_program({"env"});
  ::unsetenv("SECRET");
  EXPECT_EQ(ran->output, "PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C");
}

TEST(RunProgram, SaysWhichProgramIsMissing) {
  const auto ran = run_program({"mkfs.nonsense", "/dev/null"});
  ASSERT_FALSE(ran.ok());
  EXPECT_EQ(ran.error().code, Code::NotFound);
  EXPECT_EQ(ran.error().effect, Effect::None);
  EXPECT_NE(ran.error().message.find("mkfs.nonsense"), std::string::npos);
}
}  // namespace
}  // namespace blockplug
