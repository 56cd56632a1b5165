// SPDX-License-Identifier: Apache-2.0
#pragma once
// A fake cloud and a session at it, as an ordinary member; and what a rung is called with.
#include <gtest/gtest.h>

#include "cinder/api.h"
#include "cinder/readings.h"
#include "cinder/rungs.h"
#include "tests/cinder/fake_cloud.h"
#include "tests/support/event_log.h"

namespace blockplug::cinder::testing {

using test::CloudAttachment;
using test::CloudState;
using test::CloudVolume;
using test::FakeCloud;
using Fault = test::CloudFault;
using std::chrono::milliseconds;
using std::chrono::seconds;

inline Patience patience(milliseconds limit = seconds(30)) { return {Clock::now() + limit}; }

class KeepingJournal : public Journal {
 public:
  Status keep(const Facts& facts) override {
    for (const auto& [name, value] : facts) kept[name] = value;
    return Ok{};
  }
  Facts kept;
};

struct Asking {
  explicit Asking(const std::string& id, const std::string& target = "vm:web-0")
      : key{VolumeId("cinder/" + id), TargetId(target)} {}
  Call call(const RungKind& kind) {
    return Call{.key = key,
                .rung = {kind, {}},
                .spec = spec,
                .below = below,
                .before = before,
                .deadline = Clock::now() + seconds(30),
                .stop = {},
                .operation = "test",
                .journal = journal};
  }
  // As after a crash in the middle of a raise: what the journal has is known.
  void crash() {
    for (const auto& [name, value] : journal.kept) before[name] = value;
  }
  AttachmentKey key;
  Spec spec;
  Facts below, before;
  KeepingJournal journal;
};

inline Facts done(const Attempt& attempt) {
  const auto* error = std::get_if<Error>(&attempt);
  EXPECT_TRUE(std::holds_alternative<Done>(attempt)) << (error != nullptr ? error->message : "it waits");
  return std::holds_alternative<Done>(attempt) ? std::get<Done>(attempt).facts : Facts{};
}
inline Error error(const Attempt& attempt) {
  EXPECT_TRUE(std::holds_alternative<Error>(attempt)) << "no error";
  return std::holds_alternative<Error>(attempt) ? std::get<Error>(attempt) : Error{};
}
inline std::string waits_for(const Attempt& attempt) {
  EXPECT_TRUE(std::holds_alternative<Waiting>(attempt)) << "it does not wait";
  return std::holds_alternative<Waiting>(attempt) ? std::get<Waiting>(attempt).for_what : "";
}
inline void expect_in(const std::string& part, const std::string& text) {
  EXPECT_NE(text.find(part), std::string::npos) << "it should say '" << part << "': " << text;
}

class CloudWorld : public ::testing::Test {
 protected:
  std::unique_ptr<Session> session_with(const std::map<std::string, std::string>& changes) const {
    std::map<std::string, std::string> variables{{"OS_AUTH_URL", cloud_.auth_url()}, {"OS_USERNAME", "demo"},
                                                 {"OS_PASSWORD", "secret"},          {"OS_PROJECT_NAME", "demo-project"},
                                                 {"OS_USER_DOMAIN_NAME", "Default"}, {"OS_PROJECT_DOMAIN_NAME", "Default"}};
    for (const auto& [name, value] : changes) {
      if (value.empty())
        variables.erase(name);
      else
        variables[name] = value;
    }
    const auto environment = [variables](const std::string& name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
    return std::make_unique<Session>(CloudFiles("", environment));
  }
  std::string make_volume(const CloudVolume& volume = {}) {
    return cloud_.edit([&](CloudState& state) {
      auto id = state.new_id();
      state.volumes[id] = volume;
      return id;
    });
  }
  std::string status_of(const std::string& volume) const {
    return cloud_.look([&](const CloudState& state) {
      const auto found = state.volumes.find(volume);
      return found == state.volumes.end() ? "none" : found->second.status;
    });
  }
  std::size_t attachments() const {
    return cloud_.look([](const CloudState& state) { return state.attachments.size(); });
  }
  test::Pairs metadata_of(const std::string& volume) const {
    return cloud_.look([&](const CloudState& state) { return state.volumes.at(volume).metadata; });
  }
  void fault(Fault fault) {
    cloud_.edit([&](CloudState& state) { state.faults.push_back(std::move(fault)); });
  }
  // Nothing but identity and volume: above all, no Nova.
  void expect_only_known_calls() const {
    for (const auto& request : cloud_.look([](const CloudState& state) { return state.requests; }))
      EXPECT_NE(request.operation, "") << request.method << " " << request.path;
  }

  FakeCloud cloud_;
  std::unique_ptr<Session> session_{session_with({})};
  Api api_{*session_};
  Readings readings_{api_};
};

}  // namespace blockplug::cinder::testing
