// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/backoff.h"

#include <gtest/gtest.h>

namespace blockplug {
namespace {
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Backoff, DoublesFromHalfASecondToTwoMinutesTwo) {
  const int expected_ms[] = {500, 1000, 2000, 4000, 8000, 16000, 32000, 64000, 122000, 122000};
  for (int attempt = 1; attempt <= 10; ++attempt) EXPECT_EQ(delay_after(attempt), milliseconds(expected_ms[attempt - 1]));
  EXPECT_EQ(delay_after(0), milliseconds(500));
  EXPECT_EQ(delay_after(1'000'000), seconds(122));
}

TEST(Backoff, KnowsWhichErrorsAreFinal) {
  for (const auto code :
       {Code::InvalidArgument, Code::NotFound, Code::AlreadyExists, Code::PermissionDenied, Code::ResourceExhausted,
        Code::FailedPrecondition, Code::OutOfRange, Code::Unimplemented, Code::DataLoss, Code::Unauthenticated}) {
    EXPECT_TRUE(is_final(no_effect(code, ""))) << to_text(code);
    EXPECT_FALSE(is_final(maybe_effect(code, ""))) << to_text(code);
  }
  for (const auto code : {Code::Cancelled, Code::Unknown, Code::DeadlineExceeded, Code::Aborted, Code::Internal, Code::Unavailable})
    EXPECT_FALSE(is_final(no_effect(code, ""))) << to_text(code);
}

}  // namespace
}  // namespace blockplug
