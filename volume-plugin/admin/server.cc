// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/admin/server.h"

#include <grpcpp/grpcpp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "volume-plugin/admin/service.h"

namespace blockplug {
namespace {

bool does_anybody_listen(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool does = fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (fd >= 0) ::close(fd);
  return does;
}

}  // namespace

class AdminServer::Server {
 public:
  explicit Server(Parts parts) : service(std::move(parts)) {}
  admin::Service service;
  std::unique_ptr<grpc::Server> grpc;
  std::string path;
};

AdminServer::AdminServer(std::unique_ptr<Server> server) : server_(std::move(server)) {}
AdminServer::~AdminServer() = default;

Result<std::unique_ptr<AdminServer>> AdminServer::start(Parts parts, const std::string& socket) {
  if (does_anybody_listen(socket))
    return no_effect(Code::FailedPrecondition, "socket " + socket + ": another daemon answers there. Stop it, or give this one a run_dir of its own");
  ::unlink(socket.c_str());
  auto server = std::make_unique<Server>(std::move(parts));
  server->path = socket;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix://" + socket, grpc::InsecureServerCredentials());
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 1000);
  builder.RegisterService(&server->service);
  const auto mask = ::umask(0177);  // the socket is 0600 from its first moment
  server->grpc = builder.BuildAndStart();
  ::umask(mask);
  if (server->grpc == nullptr)
    return no_effect(Code::Unavailable, "socket " + socket + ": cannot be made: " + std::string(std::strerror(errno)));
  return std::unique_ptr<AdminServer>(new AdminServer(std::move(server)));
}

void AdminServer::stop(Time deadline) {
  server_->grpc->Shutdown(WallClock::now() + std::chrono::duration_cast<WallClock::duration>(deadline - Clock::now()));
  ::unlink(server_->path.c_str());
}

void AdminServer::changed(const VolumeId& volume) { server_->service.changed(volume); }

}  // namespace blockplug
