// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the door's calls have in common: one answer, a deadline. For door*.cc only.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "volume-plugin/door.h"

namespace blockplug {

// A look at everything may take minutes: attaches do not wait for it.
inline constexpr const char* kLookAllLane = "look-all:";

inline Error with_volume(const VolumeId& volume, Error error) { return within(volume.str(), std::move(error)); }

// An answer is given once; what comes later (a deadline, a cancelled call) finds the call over.
template <typename T>
std::function<void(Result<T>)> Door::once(const DoorCallPtr& call, std::function<void(Result<T>)> answer) {
  return [call, answer = std::move(answer)](Result<T> result) {
    if (std::exchange(call->is_over, true)) return;
    answer(std::move(result));
  };
}

template <typename T>
void Door::ask_backend(const std::string& backend, std::function<Result<T>(Backend&)> find, std::function<void(Result<T>)> next,
                       const char* lane) {
  auto found = std::make_shared<std::optional<Result<T>>>();
  auto* asked = parts_.backends.at(backend);
  const auto work = [asked, found, find = std::move(find)]() -> Job::Answer {
    found->emplace(find(*asked));
    return Attempt{Done{}};
  };
  parts_.runner.start(
      {lane + backend, Turn::Up, work, [found, next = std::move(next)](const Job::Answer&) { next(std::move(**found)); }});
}

// At the deadline the caller hears what is waited for; the wish stays.
template <typename T>
void Door::limit(const DoorCallPtr& call, Time deadline, const VolumeId& volume, std::function<void(Result<T>)> answer) {
  parts_.runner.at(deadline, [this, call, volume, answer = std::move(answer)] {
    if (call->is_over) return;
    parts_.manager.abandon(call->wait);
    std::string text = volume.str() + ": not yet; what was asked for stays wished.";
    for (const auto& report : parts_.manager.of_volume(volume)) text += " " + report.key.target.str() + ": " + summary(report) + ".";
    for (const auto& entry : parts_.manager.queue())
      if (entry.volume == volume && entry.what.starts_with("order"))
        text += " " + entry.what + ": " + entry.state + (entry.note.empty() ? "" : ": " + entry.note) + ".";
    answer(maybe_effect(Code::DeadlineExceeded, text));
  });
}

}  // namespace blockplug
