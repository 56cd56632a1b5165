// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/grpc/peer_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "hotplug/host/unix_address.h"

namespace blockplug {
namespace {
constexpr int kPauseMilliseconds = 200;  // while there are no descriptors left

Error failed(const std::string& path, Code code, const std::string& why) { return no_effect(code, "socket " + path + ": " + why); }
Error failed(const std::string& path, const std::string& what, int error) {
  return failed(path, Code::Unavailable, "cannot " + what + ": " + std::generic_category().message(error));
}

sockaddr_un address_of(const std::string& path) {
  const auto address = unix_address(path);
  CHECK(address);  // the configuration was checked
  return *address;
}

FileDescriptor new_socket() { return FileDescriptor{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)}; }

// Its file stays behind when a daemon dies.
Status remove_dead(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return errno == ENOENT ? Status{Ok{}} : failed(path, "look at it", errno);
  if (!S_ISSOCK(status.st_mode))
    return failed(path, Code::FailedPrecondition, "there is another kind of file: remove it, or configure another run_dir");
  const auto address = address_of(path);
  const auto probe = new_socket();
  const bool is_dead = ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
                       (errno == ECONNREFUSED || errno == ENOENT);
  if (!is_dead)
    return failed(path, Code::FailedPrecondition,
                  "another daemon is using it; stop that daemon, or configure another run_dir for this one");
  return ::unlink(path.c_str()) == 0 || errno == ENOENT ? Status{Ok{}} : failed(path, "replace it", errno);
}
}  // namespace

PeerSocket::PeerSocket(std::string path, FileDescriptor socket, FileDescriptor wakeup)
    : path_(std::move(path)), socket_(std::move(socket)), wakeup_(std::move(wakeup)) {
  struct stat status {};
  if (::lstat(path_.c_str(), &status) == 0) device_ = status.st_dev, inode_ = status.st_ino;
}

PeerSocket::~PeerSocket() { stop(); }

Result<std::unique_ptr<PeerSocket>> PeerSocket::listen(const std::string& path) {
  // Of two daemons that start at once, one finds the other's socket.
  const FileDescriptor directory{::open(path.substr(0, path.rfind('/') + 1).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!directory.is_open() && errno == ENOENT) return failed(path, Code::NotFound, "its directory does not exist");
  if (!directory.is_open() || ::flock(directory.get(), LOCK_EX | LOCK_NB) != 0)
    return failed(path, "lock its directory, which another process has locked", errno);
  TRY(remove_dead(path));
  auto socket = new_socket();
  FileDescriptor wakeup{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!socket.is_open() || !wakeup.is_open()) return failed(path, "create it", errno);
  // bind gives the file the mode of the socket (unix(7): less the umask), so the umask, which all threads share, stays as it is.
  if (::fchmod(socket.get(), 0600) != 0) return failed(path, "set its mode", errno);
  const auto address = address_of(path);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return failed(path, "create it", errno);
  if (::listen(socket.get(), SOMAXCONN) != 0) return failed(path, "listen on it", errno);
  return std::unique_ptr<PeerSocket>(new PeerSocket(path, std::move(socket), std::move(wakeup)));
}

Status PeerSocket::start(Callbacks callbacks) {
  CHECK(!thread_.joinable());
  callbacks_ = std::move(callbacks);
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    return failed(path_, Code::ResourceExhausted, std::string("cannot start a thread: ") + error.what());
  }
  return Ok{};
}

void PeerSocket::stop() {
  if (is_stopping_.exchange(true)) return;
  static_cast<void>(::eventfd_write(wakeup_.get(), 1));
  if (thread_.joinable()) thread_.join();
  if (is_in_place()) ::unlink(path_.c_str());
  socket_ = FileDescriptor{};
}

bool PeerSocket::is_in_place() const {
  struct stat status {};
  return ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
}

void PeerSocket::run() {
  ::pthread_setname_np(::pthread_self(), "accept");
  while (!is_stopping_) {
    std::array<pollfd, 2> news{{{wakeup_.get(), POLLIN, 0}, {socket_.get(), POLLIN, 0}}};
    ::poll(news.data(), news.size(), -1);
    while (!is_stopping_ && accept_one()) continue;
  }
}

// Is there more to accept?
bool PeerSocket::accept_one() {
  FileDescriptor connection{::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  if (!connection.is_open()) {
    if (errno == EINTR || errno == ECONNABORTED) return true;
    pollfd end{wakeup_.get(), POLLIN, 0};
    if (errno != EAGAIN) ::poll(&end, 1, kPauseMilliseconds);  // too many open files: the caller waits in the queue
    return false;
  }
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool is_known = ::getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  if (is_known && (peer.uid == 0 || peer.uid == ::geteuid())) {
    callbacks_.on_connection(connection.release());
  } else if (callbacks_.on_refused) {
    callbacks_.on_refused(is_known ? "process " + std::to_string(peer.pid) + " of user " + std::to_string(peer.uid)
                                   : std::string("a process that the kernel does not tell"));
  }
  return true;
}

}  // namespace blockplug
