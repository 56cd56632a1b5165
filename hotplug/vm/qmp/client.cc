// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/qmp/client.h"

#include <sys/eventfd.h>

#include <nlohmann/json.hpp>

#include "hotplug/vm/qmp/negotiation.h"
#include "hotplug/vm/qmp/session.h"

namespace blockplug::qmp {

Client::Client(std::unique_ptr<Session> session) : session_(std::move(session)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::connect(const std::string& path, Callbacks callbacks, Time deadline) {
  auto connection = TRY(negotiate(path, deadline));
  FileDescriptor wakeup(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wakeup.is_open()) return no_effect(Code::Unavailable, "monitor " + path + ": cannot create an eventfd");
  auto session = std::make_unique<Session>(std::move(connection), std::move(wakeup), std::move(callbacks));
  try {
    session->start();
  } catch (const std::system_error& error) {
    return no_effect(Code::Unavailable, "monitor " + path + ": cannot start a reader thread: " + error.what());
  }
  return std::unique_ptr<Client>(new Client(std::move(session)));
}

Peer Client::peer() const { return session_->peer(); }
bool Client::is_stalled() const { return session_->is_stalled(); }
bool Client::is_closed() const { return session_->is_closed(); }

Result<nlohmann::json> Client::execute(std::string_view command, const nlohmann::json& arguments, Time deadline,
                                       std::string_view operation, int descriptor) {
  return session_->execute(command, arguments, deadline, operation, descriptor);
}

}  // namespace blockplug::qmp
