// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the service's methods share. For this folder's .cc files only, because it includes gRPC.
#include <functional>
#include <memory>

#include "attach-detach/utf8.h"
#include "volume-plugin/grpc/waiting_call.h"

namespace blockplug::admin {

// The details say whether nothing was changed and nothing stays pending; a code alone cannot.
inline grpc::Status to_status(const Error& error) {
  return {static_cast<grpc::StatusCode>(error.code), as_utf8(error.message), error.effect == Effect::None ? "no effect" : ""};
}

inline Time deadline_of(const grpc::CallbackServerContext& context) {
  constexpr std::chrono::hours kLongestWait{1};
  return blockplug::deadline_of(context, kLongestWait);
}

// Turns the door's answer into the call's: `fill` writes the response.
template <typename T>
std::function<void(Result<T>)> answer_with(const std::shared_ptr<WaitingCall>& reactor, std::function<void(const T&)> fill) {
  return [reactor, fill = std::move(fill)](const Result<T>& answer) {
    if (!answer.ok()) return reactor->finish(to_status(answer.error()));
    reactor->finish([&] { fill(*answer); });
  };
}

inline std::function<void(Status)> status_answer(const std::shared_ptr<WaitingCall>& reactor) {
  return [reactor](const Status& status) { reactor->finish(status.ok() ? grpc::Status::OK : to_status(status.error())); };
}

}  // namespace blockplug::admin
