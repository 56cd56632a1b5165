// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/admin/server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>

#include "volume-plugin/admin/service.h"
#include "volume-plugin/grpc/peer_socket.h"

namespace blockplug {
class AdminServer::Server {
 public:
  Server(Parts parts, std::unique_ptr<PeerSocket> listening) : service(std::move(parts)), socket(std::move(listening)) {}
  admin::Service service;
  std::unique_ptr<grpc::Server> grpc;
  std::unique_ptr<PeerSocket> socket;  // gone before `grpc`, to which it gives connections
};

AdminServer::AdminServer(std::unique_ptr<Server> server) : server_(std::move(server)) {}
AdminServer::~AdminServer() = default;

Result<std::unique_ptr<AdminServer>> AdminServer::start(Parts parts, const std::string& socket) {
  const auto on_refused = parts.on_refused;
  auto server = std::make_unique<Server>(std::move(parts), TRY(PeerSocket::listen(socket)));
  grpc::ServerBuilder builder;  // has no port: gRPC does not tell who has connected, so connections are accepted in PeerSocket
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 1000);
  builder.RegisterService(&server->service);
  server->grpc = builder.BuildAndStart();
  if (server->grpc == nullptr) return no_effect(Code::Unavailable, "socket " + socket + ": gRPC cannot be started");
  const auto on_connection = [grpc = server->grpc.get()](int connection) { grpc::AddInsecureChannelFromFd(grpc, connection); };
  TRY(server->socket->start({on_connection, on_refused}));
  return std::unique_ptr<AdminServer>(new AdminServer(std::move(server)));
}

void AdminServer::stop(Time deadline) {
  server_->socket->stop();  // first: gRPC takes no connection once it is shut down
  server_->grpc->Shutdown(WallClock::now() + std::chrono::duration_cast<WallClock::duration>(deadline - Clock::now()));
}

void AdminServer::changed(const VolumeId& volume) { server_->service.changed(volume); }

}  // namespace blockplug
