// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/csi/server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>

#include "volume-plugin/csi/controller.h"
#include "volume-plugin/csi/identity.h"
#include "volume-plugin/csi/node.h"
#include "volume-plugin/csi/pluginregistration.grpc.pb.h"
#include "volume-plugin/csi/registration.h"
#include "volume-plugin/grpc/peer_socket.h"

namespace blockplug::csi {
namespace {
constexpr int kMostCallsPerConnection = 1000;
constexpr int kMostRequestBytes = 1 << 20;

namespace kubelet = ::pluginregistration;

class RegistrationService : public kubelet::Registration::CallbackService {
 public:
  RegistrationService(const Settings& settings, const CsiServer::Options& options) : settings_(settings), options_(options) {}
  using Context = grpc::CallbackServerContext;

  grpc::ServerUnaryReactor* GetInfo(Context* context, const kubelet::InfoRequest*, kubelet::PluginInfo* response) override {
    response->set_type("CSIPlugin");
    response->set_name(settings_.driver);
    response->set_endpoint(options_.socket);
    response->add_supported_versions("1.0.0");
    return answer(context);
  }

  grpc::ServerUnaryReactor* NotifyRegistrationStatus(Context* context, const kubelet::RegistrationStatus* request,
                                                     kubelet::RegistrationStatusResponse*) override {
    if (request->plugin_registered())
      options_.tell("kubelet has registered CSI driver " + settings_.driver);
    else
      options_.warn("kubelet cannot register CSI driver " + settings_.driver + ", and tries again: " + as_utf8(request->error()));
    return answer(context);
  }

 private:
  static grpc::ServerUnaryReactor* answer(Context* context) {
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  const Settings& settings_;
  const CsiServer::Options& options_;
};
}  // namespace

class CsiServer::Server {
 public:
  Server(Parts given, Options asked)
      : parts(std::move(given)),
        options(std::move(asked)),
        identity(parts),
        controller(parts),
        node(parts),
        registration(parts.settings, options) {}
  const Parts parts;
  const Options options;
  IdentityService identity;
  ControllerService controller;
  NodeService node;
  RegistrationService registration;
  std::unique_ptr<grpc::Server> grpc;
  std::unique_ptr<PeerSocket> socket;  // gone before `grpc`, to which they give connections
  std::unique_ptr<RegistrationSocket> registering;
};

CsiServer::CsiServer(std::unique_ptr<Server> server) : server_(std::move(server)) {}
CsiServer::~CsiServer() = default;

Result<std::unique_ptr<CsiServer>> CsiServer::start(Parts parts, Options options) {
  auto server = std::make_unique<Server>(std::move(parts), std::move(options));
  const auto& path = server->options.socket;
  server->socket = TRY(PeerSocket::listen(path));
  grpc::ServerBuilder builder;  // has no port: connections come from the sockets
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMostCallsPerConnection);
  builder.SetMaxReceiveMessageSize(kMostRequestBytes);
  builder.RegisterService(&server->identity);
  builder.RegisterService(&server->registration);
  if (server->parts.settings.has_controller) builder.RegisterService(&server->controller);
  if (server->parts.settings.has_node) builder.RegisterService(&server->node);
  server->grpc = builder.BuildAndStart();
  if (server->grpc == nullptr) return no_effect(Code::Unavailable, "socket " + path + ": gRPC cannot be started");
  const auto on_connection = [grpc = server->grpc.get()](int connection) { grpc::AddInsecureChannelFromFd(grpc, connection); };
  const auto refused = [warn = server->options.warn](const std::string& at) {
    return [warn, at](const std::string& who) { warn(at + ": refused " + who + ": only root may use it"); };
  };
  TRY(server->socket->start({on_connection, refused(path)}));
  if (const auto& registration = server->options.registration_socket; !registration.empty()) {
    server->registering = std::make_unique<RegistrationSocket>(
        registration, RegistrationSocket::Callbacks{on_connection, refused(registration), server->options.warn});
    TRY(server->registering->start());
  }
  return std::unique_ptr<CsiServer>(new CsiServer(std::move(server)));
}

void CsiServer::stop(Time deadline) {
  if (server_->registering) server_->registering->stop();
  server_->socket->stop();  // first: gRPC takes no connection once it is shut down
  server_->grpc->Shutdown(WallClock::now() + std::chrono::duration_cast<WallClock::duration>(deadline - Clock::now()));
}

}  // namespace blockplug::csi
