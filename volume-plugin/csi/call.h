// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the methods of the CSI services share: one call from its begin to its answer. For this folder's .cc files only, because it
// includes gRPC.
//
// How long a call waits: until a second before its caller's deadline, at most 100 s (kubelet gives two minutes).
#include <atomic>
#include <memory>
#include <string>

#include "attach-detach/printable.h"
#include "attach-detach/utf8.h"
#include "volume-plugin/csi/csi.grpc.pb.h"
#include "volume-plugin/csi/settings.h"
#include "volume-plugin/csi/status.h"
#include "volume-plugin/grpc/waiting_call.h"

namespace blockplug::csi {

namespace v1 = ::csi::v1;

// Shared by its continuations; `finish` may be called on any thread, once.
class Call {
 public:
  Call(const Parts& parts, std::string id, std::string method, std::string about, Time latest)
      : deadline(latest),
        operation(std::move(id)),
        parts_(parts),
        method_(std::move(method)),
        about_(std::move(about)),
        begun_(Clock::now()) {}

  grpc::ServerUnaryReactor* reactor() const { return waiting_.get(); }
  void waits_for(DoorCallPtr call) const { waiting_->waits_for(std::move(call)); }
  // A final code says that nothing was changed, and that nothing is being changed.
  void finish(Error error) const {
    if (error.effect == Effect::Unknown && is_final(error.code))
      error = as_not_final(std::move(error), "something may have been changed");
    tell(std::string(to_text(error.code)) + ": " + error.message, error.code);
    // Without details: Go's gRPC takes them for a message of its own.
    waiting_->finish(grpc::Status{static_cast<grpc::StatusCode>(error.code), as_utf8(error.message)});
  }
  void finish(const Status& status) const {
    if (!status.ok()) return finish(status.error());
    finish_with([] {});
  }
  // `fill` writes the response.
  void finish_with(const std::function<void()>& fill) const {
    tell("OK", std::nullopt);
    waiting_->finish(fill);
  }

  // Answered, or cancelled: a continuation that finds it so changes nothing any more.
  bool is_over() const { return waiting_->is_over(); }

  const Time deadline;
  const std::string operation;

 private:
  void tell(const std::string& outcome, std::optional<Code> error) const {
    if (!parts_.on_end || is_over()) return;
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun_);
    const auto text = method_ + " " + about_ + ": " + outcome + " (" + std::to_string(took.count()) + " ms)";
    parts_.on_end({operation, text, method_, error, took});
  }

  const Parts& parts_;
  const std::string method_, about_;  // "NodeStageVolume"; the volume or name that it is about
  const Time begun_;
  const std::shared_ptr<WaitingCall> waiting_{WaitingCall::make(parts_.door)};
};
using CallPtr = std::shared_ptr<const Call>;

// Begins calls. `what`: the volume or name that it is about.
class Calling {
 public:
  explicit Calling(const Parts& parts) : parts_(parts) {}
  CallPtr begin(const grpc::CallbackServerContext& context, const char* method, const std::string& what) {
    constexpr std::chrono::seconds kLongestWait{100};
    const auto call = std::make_shared<const Call>(parts_, "csi-" + std::to_string(++operations()), method, printable(what),
                                                   deadline_of(context, kLongestWait));
    // What waits for the Volume Manager says itself what it waits for; this is for look-ups, which a backend that is away never
    // ends.
    constexpr std::chrono::milliseconds kForThat{200};
    parts_.runner.at(call->deadline + kForThat, [weak = std::weak_ptr(call)] {
      const auto late = weak.lock();
      if (late && !late->is_over())
        late->finish(no_effect(Code::DeadlineExceeded, "the storage has not answered in time: check that it is up"));
    });
    return call;
  }

 private:
  static std::atomic<std::uint64_t>& operations() {  // of all services
    static std::atomic<std::uint64_t> last;
    return last;
  }
  const Parts& parts_;
};

// A failed check ends the call. Use: if (!passes(call, check(...))) return call->reactor();
template <typename T>
bool passes(const CallPtr& call, const Result<T>& result) {
  if (!result.ok()) call->finish(result.error());
  return result.ok();
}

}  // namespace blockplug::csi
