// SPDX-License-Identifier: Apache-2.0
#pragma once
// A Volume Manager on fake rungs, a real store, and a clock that the test moves.
#include <gtest/gtest.h>

#include <list>

#include "attach-detach/volume_manager.h"
#include "tests/attach-detach/fake_world.h"
#include "tests/attach-detach/file_store.h"
#include "tests/attach-detach/rungs.h"

namespace blockplug::test {

struct Heard {  // what a caller was told
  int times{};
  std::optional<Error> error;
  Facts facts;
  WaitId id{};
  bool is_ok() const { return times == 1 && !error; }
  Code code() const { return error ? error->code : Code::Unknown; }
};

class ManagerTest : public testing::Test {
 protected:
  ManagerTest() {
    begin_life();
    runner.run();
  }
  ~ManagerTest() override { runner.drop_everything(); }

  void begin_life(const std::string& boot_id = "boot-1") {
    auto file = SqliteStore::open(directory.path(), {false});
    ASSERT_TRUE(file.ok()) << file.error().message;
    store = std::make_unique<FileStore>(std::move(*file), runner);
    manager =
        std::make_unique<VolumeManager>(VolumeManager::Parts{*store, runner, world, {boot_id, std::chrono::minutes(5), {}, {}}});
    ASSERT_TRUE(manager->start().ok());
  }
  void end_life() {
    runner.drop_everything();
    manager.reset();
    store.reset();
  }
  void crash(const std::string& boot_id = "boot-1") {
    end_life();
    begin_life(boot_id);
  }

  static AttachmentKey key(const std::string& volume, const std::string& target) { return {VolumeId(volume), TargetId(target)}; }
  static AttachRequest request(const std::string& volume, const std::string& target) {
    AttachRequest made;
    made.key = key(volume, target);
    made.image = ImageId("image:" + name_of(made.key.volume));
    made.spec.size_bytes = 1 << 20;
    made.operation = "op";
    return made;
  }
  static AttachRequest with_leaf(AttachRequest made, const std::string& path, LeafSpec spec = {}) {
    made.leaf = {{made.key.target.str() == "host" ? rungs::kPublish : rungs::kGuestMount, path}, std::move(spec)};
    return made;
  }

  // Begin, and do not run.
  Heard& attach(const AttachRequest& made) {
    auto& heard = heard_.emplace_back();
    note(heard, manager->attach(made, [&heard](const Status& status) { note(heard, status); }));
    return heard;
  }
  Heard& attach(const std::string& volume, const std::string& target) { return attach(request(volume, target)); }
  Heard& detach(const std::string& volume, const std::string& target, const std::string& leaf = {},
                Trunk trunk = Trunk::GoesWithLastLeaf) {
    auto& heard = heard_.emplace_back();
    DetachRequest made{key(volume, target), {}, trunk, "op-down"};
    if (!leaf.empty()) made.leaf = with_leaf(request(volume, target), leaf).leaf->first;
    note(heard, manager->detach(made, [&heard](const Status& status) { note(heard, status); }));
    return heard;
  }
  Heard& order(const std::string& volume, OrderKind kind, const Facts& arguments = {}) {
    auto& heard = heard_.emplace_back();
    note(heard, manager->order({VolumeId(volume), kind, arguments, "op-order"}, [&heard](const Result<Facts>& result) {
      ++heard.times;
      if (result.ok())
        heard.facts = *result;
      else
        heard.error = result.error();
    }));
    return heard;
  }
  // Attached, and nothing of it is left in `world.calls`.
  void attached(const std::string& volume, const std::string& target) {
    auto& heard = attach(volume, target);
    runner.run();
    ASSERT_TRUE(heard.is_ok()) << (heard.error ? heard.error->message : "not told");
    (void)world.take_calls();
  }

  State state(const std::string& volume, const std::string& target) const {
    const auto report = manager->explain(key(volume, target));
    EXPECT_TRUE(report.has_value()) << volume << " to " << target << " is not known";
    return report ? report->state : State::Failed;
  }
  bool is_known(const std::string& volume, const std::string& target) const {
    return manager->explain(key(volume, target)).has_value();
  }

  TempDirectory directory;
  InlineRunner runner;
  FakeWorld world;
  std::unique_ptr<FileStore> store;
  std::unique_ptr<VolumeManager> manager;

 private:
  static void note(Heard& heard, const Status& status) {
    ++heard.times;
    if (!status.ok()) heard.error = status.error();
  }
  static void note(Heard& heard, const Result<WaitId>& accepted) {
    if (accepted.ok())
      heard.id = *accepted;
    else
      ++heard.times, heard.error = accepted.error();
  }
  std::list<Heard> heard_;
};

using Calls = std::vector<std::string>;

inline Error no_answer() { return no_effect(Code::Unavailable, "no answer"); }

}  // namespace blockplug::test

namespace blockplug {
inline void PrintTo(State state, std::ostream* out) { *out << to_text(state); }
inline void PrintTo(Code code, std::ostream* out) { *out << to_text(code); }
}  // namespace blockplug
