// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is there, as the backends say: asked on workers, told on the core thread. Given to each part of the door; owned by Door.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "attach-detach/backend.h"
#include "attach-detach/runner.h"

namespace blockplug {

using BackendsByName = std::map<std::string, Backend*>;  // not owned

class BackendLookups {
 public:
  // A look at everything may take minutes: it has a lane of its own, so that no attach waits for it.
  enum class Look : std::uint8_t { One, All };

  BackendLookups(Runner& runner, BackendsByName backends) : runner_(runner), backends_(std::move(backends)) {}
  const BackendsByName& backends() const { return backends_; }

  // Of a backend that is configured, with a name that this backend takes. Any thread.
  Result<VolumeId> checked(const std::string& text) const;
  Result<Backend*> backend_named(const std::string& name) const;

  // Asks the volume's backend, then calls `next` on the core thread.
  void look_up(const VolumeId& volume, std::function<void(Result<VolumeInfo>)> next) const;
  // The same, but at most until the caller's deadline: storage that does not answer is Unavailable, effect None.
  void look_up_until(Time deadline, const VolumeId& volume, std::function<void(Result<VolumeInfo>)> next) const;
  // Runs `check` on a worker in the volume's own lane (a path may hang), then `next` on the core thread.
  void check(const VolumeId& volume, std::function<Status()> check, std::function<void(Status)> next) const;

  // Runs `find` on the lane of a backend's look-ups, then `next` on the core thread. Core thread.
  template <typename T>
  void ask(const std::string& backend, std::function<Result<T>(Backend&)> find, std::function<void(Result<T>)> next,
           Look look = Look::One) const {
    auto found = std::make_shared<std::optional<Result<T>>>();
    auto* asked = backends_.at(backend);
    const auto work = [asked, found, find = std::move(find)]() -> Job::Answer {
      found->emplace(find(*asked));
      return Attempt{Done{}};
    };
    const std::string lane = look == Look::All ? "look-all:" : "look-up:";
    // As wide as the backend's holds: an image that hangs delays no other's look-up.
    constexpr std::size_t kLookUpsAtATime = 32;
    runner_.start({lane + backend, Turn::Up, work,
                   [found, next = std::move(next)](const Job::Answer&) { next(std::move(**found)); },
                   look == Look::All ? 1 : kLookUpsAtATime});
  }

 private:
  Runner& runner_;
  BackendsByName backends_;
};

}  // namespace blockplug
