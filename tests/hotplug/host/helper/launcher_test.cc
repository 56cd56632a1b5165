// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/helper/launcher.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "hotplug/host/helper/spawn.h"
#include "tests/attach-detach/file_store.h"
#include "tests/support/launcher.h"
#include "tests/support/paths.h"

namespace blockplug {
namespace {
using testing::Launcher;

class LauncherTest : public ::testing::Test {
 protected:
  std::string socket() const { return directory_.path() + "/launcher.sock"; }
  test::TempDirectory directory_;
};

TEST_F(LauncherTest, ItsVerbIsRunAndAnswered) {
  const Launcher launcher(socket());
  struct stat status {};
  ASSERT_EQ(::stat(socket().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  const auto refused = run_at_launcher(socket(), "storage-daemon", {{"program", "qemu-storage-daemon"}});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::InvalidArgument) << refused.error().message;
  EXPECT_EQ(refused.error().message, "the argument directory is missing");
  const auto failed = run_at_launcher(socket(), "storage-daemon", {{"program", "/bin/false"}, {"directory", directory_.path()}});
  ASSERT_FALSE(failed.ok());
  EXPECT_NE(failed.error().message.find("/bin/false did not start (status 1)"), std::string::npos) << failed.error().message;
}

TEST_F(LauncherTest, NoOtherVerbIsRun) {
  const Launcher launcher(socket());
  for (const auto* verb : {"unmount", "format", "loop-map", "none"}) {
    const auto refused = run_at_launcher(socket(), verb, {});
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::Unimplemented) << refused.error().message;
  }
}

TEST_F(LauncherTest, OneThatIsNotThereIsNamedAndNothingIsDone) {
  const auto check = [&] {
    const auto refused = run_at_launcher(socket(), "storage-daemon", {});
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::Unavailable);
    EXPECT_EQ(refused.error().effect, Effect::None);
    EXPECT_NE(refused.error().message.find(socket() + ": it does not listen"), std::string::npos) << refused.error().message;
  };
  check();
  { const Launcher launcher(socket()); }
  check();
  const Launcher again(socket());
  EXPECT_EQ(run_at_launcher(socket(), "storage-daemon", {}).error().code, Code::InvalidArgument)
      << "in the place of one that ended";
  EXPECT_EQ(serve_launcher(socket(), "/proc/self/exe", "storage-daemon").error().code, Code::FailedPrecondition)
      << "while one lives";
  const std::string too_long = directory_.path() + "/" + std::string(108, 'x');
  EXPECT_EQ(run_at_launcher(too_long, "storage-daemon", {}).error().code, Code::InvalidArgument);
}

}  // namespace
}  // namespace blockplug
