// SPDX-License-Identifier: Apache-2.0
// The admin server on a real socket: who may connect, and what becomes of the socket's file.
#include "volume-plugin/admin/server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/volume-plugin/admin/admin_world.h"
#include "volume-plugin/cli/run.h"

namespace blockplug::test {
namespace {
namespace v1 = admin::v1;
namespace files = std::filesystem;
using std::chrono::seconds;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

// A socket that was bound there; with or without a program that listens.
FileDescriptor bound(const std::string& path, bool is_listening) {
  FileDescriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const auto address = address_of(path);
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  if (is_listening) {
    EXPECT_EQ(::listen(socket.get(), 1), 0);
  }
  return socket;
}

class AdminServerTest : public AdminTest {
 protected:
  AdminServerTest() { files::permissions(directory, files::perms(0755)); }
  ~AdminServerTest() override {
    stop();
    files::remove_all(directory);
  }

  Status start() {
    admin = TRY(AdminServer::start({door, *manager, posted, [this] { return states; }, [this] { return checks; }, "node-1", "1.2.3",
                                    [this](const std::string& who) { refused.set_value(who); }},
                                   path));
    return Ok{};
  }
  void started() {
    const auto status = start();
    ASSERT_TRUE(status.ok()) << status.error().message;
  }
  void stop() {
    if (admin) admin->stop(Clock::now() + seconds(5));
    admin.reset();
  }
  std::unique_ptr<v1::Admin::Stub> caller() const {
    grpc::ChannelArguments own;
    own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return v1::Admin::NewStub(grpc::CreateCustomChannel("unix://" + path, grpc::InsecureChannelCredentials(), own));
  }
  grpc::Status ask(v1::Admin::Stub& caller) const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + seconds(60));
    v1::GetVersionResponse response;
    return caller.GetVersion(&context, {}, &response);
  }
  // Exit code, stdout and stderr of `blockplug`.
  std::tuple<int, std::string, std::string> run_cli(std::vector<std::string> words, const std::string& format) {
    words.insert(words.begin(), {"--endpoint", "unix://" + path});
    words.insert(words.end(), {"-o", format});
    std::ostringstream out, err;
    int code = -1;
    bool is_over = false;
    const auto thread = std::async(std::launch::async, [&] {
      code = static_cast<int>(cli::run(words, {out, err, cli::Progress::Silent, {}, [] { return WallClock::now(); }}));
      posted.post([&] { is_over = true; });
    });
    while (!is_over && posted.run_when_posted()) continue;
    thread.wait();
    return {code, out.str(), err.str()};
  }
  mode_t mode() const {
    struct stat status {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0);
    return status.st_mode;
  }

  const std::string directory = [] {
    std::string pattern = "/tmp/bp-admin-XXXXXX";
    return std::string(::mkdtemp(pattern.data()));
  }();
  const std::string path = directory + "/admin.sock";
  std::promise<std::string> refused;
  std::unique_ptr<AdminServer> admin;
};

TEST_F(AdminServerTest, AnswersRootOnASocketThatOnlyRootMayOpenWhateverTheUmaskIs) {
  const auto mask = ::umask(0);
  started();
  EXPECT_EQ(::umask(mask), 0U) << "it is left alone";
  EXPECT_EQ(mode(), static_cast<mode_t>(S_IFSOCK | 0600));
  const auto one = caller(), other = caller();
  EXPECT_TRUE(ask(*one).ok());
  EXPECT_TRUE(ask(*other).ok());
  EXPECT_TRUE(ask(*one).ok());
}

// What is accepted is not inherited by mkfs and the like, and blocks no thread of gRPC's.
TEST_F(AdminServerTest, AcceptsConnectionsThatAreNotInheritedAndDoNotBlock) {
  started();
  const auto one = caller();
  ASSERT_TRUE(ask(*one).ok());
  int found = 0;
  for (const auto& entry : files::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    sockaddr_un name{};
    socklen_t size = sizeof name;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0 || path != name.sun_path) continue;
    ++found;  // the listening one, and the accepted one
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
  }
  EXPECT_EQ(found, 2);
}

// Guests, QEMU and mount tables say what they want.
TEST_F(AdminServerTest, TextThatIsNotUtf8BreaksNoList) {
  started();
  world.real_paths["/srv/\xff"] = "/mnt/\xfe";
  world.script["raise publish"] = {Done{{{"mount.path", "/mnt/\xfe"}, {"mount.\xff", "\xff"}}}};
  ASSERT_TRUE((attach(with_leaf(request("local/up", "host"), "/srv/\xff")), runner.run(), true));
  const auto hiding = no_effect(Code::Unavailable, "/srv/\xff has /dev/\xc3( (ext4) mounted: unmount it");
  world.script["raise map"] = {hiding, Waiting{"process 4711 (\x80)", std::nullopt}};
  ASSERT_TRUE((attach(with_leaf(request("local/down", "host"), "/srv/\xff\xfe")), runner.run(), true));
  for (const auto& words : {std::vector<std::string>{"attachment", "list"},
                            {"attachment", "explain", "local/up"},
                            {"attachment", "explain", "local/down"},
                            {"queue"},
                            {"plan"}})
    for (const std::string format : {"json", "table"}) {
      const auto [code, text, problem] = run_cli(words, format);
      EXPECT_EQ(code, 0) << words.back() << " " << format << ": " << problem;
      if (format == "json") {
        EXPECT_TRUE(nlohmann::json::accept(text)) << text;
      }
      if (words.back() == "list") {
        EXPECT_NE(text.find("local/up"), std::string::npos);
        EXPECT_NE(text.find("/srv/\xef\xbf\xbd"), std::string::npos) << text;
      }
    }
}

TEST_F(AdminServerTest, RefusesAnotherUserAlsoWhereTheFilesModeLetsHimIn) {
  started();
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  const auto address = address_of(path);
  const pid_t child = ::fork();
  if (child == 0) {  // system calls only: this process had threads
    char byte{};
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (::setresuid(1234, 1234, 1234) != 0) ::_exit(1);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) ::_exit(2);
    ::_exit(::read(socket, &byte, 1) == 0 ? 0 : 3);  // gRPC would greet him with its settings
  }
  int status{};
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "exit status " << WEXITSTATUS(status);
  EXPECT_EQ(refused.get_future().get(), "process " + std::to_string(child) + " of user 1234");
  EXPECT_TRUE(ask(*caller()).ok()) << "others are served all the same";
}

TEST_F(AdminServerTest, ReplacesTheSocketOfADeadDaemonOnly) {
  bound(path, false);
  started();
  EXPECT_TRUE(ask(*caller()).ok());
  stop();
  EXPECT_FALSE(files::exists(path));
  {
    const auto alive = bound(path, true);
    const auto status = start();
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, Code::FailedPrecondition);
    EXPECT_EQ(status.error().message,
              "socket " + path + ": another daemon is using it; stop that daemon, or configure another run_dir for this one");
    EXPECT_TRUE(files::exists(path));
  }
  files::remove(path);
  std::ofstream{path} << "notes";
  const auto status = start();
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("there is another kind of file"), std::string::npos) << status.error().message;
  EXPECT_EQ(files::file_size(path), 5U);
}

TEST_F(AdminServerTest, StopsWithItsCallsAndLeavesTheFileOfItsSuccessor) {
  started();
  const auto one = caller();
  grpc::ClientContext context;
  const auto watching = one->Watch(&context, {});
  ASSERT_TRUE(posted.run_when_posted()) << "the call has arrived";
  files::remove(path);
  const auto successor = bound(path, true);
  admin->stop(Clock::now());
  v1::WatchEvent event;
  EXPECT_FALSE(watching->Read(&event));
  EXPECT_FALSE(watching->Finish().ok());
  EXPECT_TRUE(files::exists(path));
  admin.reset();
}

}  // namespace
}  // namespace blockplug::test
