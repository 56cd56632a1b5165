// SPDX-License-Identifier: Apache-2.0
#pragma once
// One volume on this host: an image, a loop device over it, and the rungs Stage and Publish with the real helper program.
// Records and journal are in memory. At the end all mounts below the scratch directory are removed.
#include <sys/mount.h>

#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "hotplug/host/mount/mount_table.h"
#include "hotplug/host/mount/publish.h"
#include "hotplug/host/mount/stage.h"
#include "hotplug/rungs.h"
#include "tests/hotplug/devices.h"
#include "tests/support/event_log.h"
#include "tests/support/paths.h"

namespace blockplug::testing {

class MemoryRecords : public FormatRecords {
 public:
  Result<FormatRecord> format_of(const Call&) override { return record; }
  Status set_format(const Call&, const FormatRecord& wanted) override {
    if (on_set) on_set(wanted);
    if (is_broken) return no_effect(Code::Unavailable, "the storage of records does not answer");
    record = wanted;
    history.push_back(to_text(wanted));
    return Ok{};
  }
  Result<bool> is_never_written(const Call&) override { return is_unwritten; }

  FormatRecord record;
  bool is_unwritten{};  // what the storage says
  std::vector<std::string> history;
  bool is_broken{};
  std::function<void(const FormatRecord&)> on_set;
};

class MemoryJournal : public Journal {
 public:
  Status keep(const Facts& facts) override {
    if (is_broken) return no_effect(Code::Unavailable, "the store does not answer");
    for (const auto& [name, value] : facts) kept[name] = value;
    if (on_keep) on_keep();
    return Ok{};
  }
  Facts kept;
  bool is_broken{};
  std::function<void()> on_keep;
};

// The rung below: reports which device belongs to which volume.
class FakeMap : public Rung, public DeviceLimits {
 public:
  Attempt raise(const Call&) override { return Done{}; }
  Status put_limits(const Call&, const Spec& spec) override {
    limits = spec.limits;
    if (on_limits) on_limits();
    return Ok{};
  }
  Attempt lower(const Call&) override { return Done{}; }
  Finding probe(const Call&) override { return {}; }
  Survey survey(Time) override { return found; }
  Survey found;
  decltype(Spec::limits) limits;  // that apply now
  std::function<void()> on_limits;
};

inline std::string text(const Attempt& attempt) {
  if (const auto* waiting = std::get_if<Waiting>(&attempt)) return "waiting: " + waiting->for_what;
  if (const auto* error = std::get_if<Error>(&attempt))
    return std::string(to_text(error->code)) + (error->effect == Effect::None ? ", none: " : ", unknown: ") + error->message;
  return "done";
}

class MountBench : public ::testing::Test {
 protected:
  ~MountBench() override {
    watch.stop();
    for (int tries = 0; tries < 3; ++tries)
      for (const auto& mount : mounts())
        if (mount.path.starts_with(scratch.at(""))) ::umount2(mount.path.c_str(), MNT_DETACH);
  }

  static std::vector<mount::Mount> mounts() {
    auto all = mount::all_mounts();
    EXPECT_TRUE(all.ok());
    return all.ok() ? *all : std::vector<mount::Mount>{};
  }
  static std::optional<mount::Mount> mounted_at(const std::string& path) { return mount::find_at(mounts(), path); }

  // Creates the image; `prepare` fills it before it is mapped.
  void make_volume(std::int64_t size_bytes, std::vector<std::string> prepare = {}, std::vector<std::string> loop_options = {}) {
    image = scratch.at("image");
    make_file(image, size_bytes);
    if (!prepare.empty()) {
      prepare.push_back(image);
      must(prepare);
    }
    map_image(std::move(loop_options));
    spec.size_bytes = size_bytes;
  }
  void map_image(std::vector<std::string> loop_options = {}) {
    loop.reset();
    loop.emplace(image, std::move(loop_options));
    below["device.path"] = loop->device();
    below["device.number"] = loop->number();
    map.found = {};
    map.found.push_back({key, rungs::kMap, {{"device.path", loop->device()}, {"device.number", loop->number()}}, "loop device"});
  }

  struct State {
    Facts before;
    MemoryJournal journal;
  };
  Call call(State& state, RungId rung, const LeafSpec* leaf_spec = nullptr, LowerReason because = LowerReason::NotWanted) {
    return {key, std::move(rung), spec,    leaf_spec,    below, state.before, Clock::now() + std::chrono::seconds(60),
            {},  "test",          because, state.journal};
  }
  // Like the executor: the facts of Done replace the rung's; after a failure, those of the journal stay.
  static std::string settle(State& state, const Attempt& attempt, bool is_raise) {
    if (const auto* done = std::get_if<Done>(&attempt))
      state.before = is_raise ? done->facts : Facts{};
    else
      for (const auto& [name, value] : state.journal.kept) state.before[name] = value;
    state.journal.kept.clear();
    return text(attempt);
  }

  std::string raise_stage() {
    const auto said = settle(staged, stage.raise(call(staged, {rungs::kStage, {}})), true);
    if (said == "done")
      for (const auto& [name, value] : staged.before) below[name] = value;
    return said;
  }
  std::string lower_stage(LowerReason because = LowerReason::NotWanted) {
    return settle(staged, stage.lower(call(staged, {rungs::kStage, {}}, nullptr, because)), false);
  }
  Finding probe_stage() { return stage.probe(call(staged, {rungs::kStage, {}})); }

  std::string raise_at(const std::string& path) {
    return settle(leaves[path], publish.raise(call(leaves[path], {rungs::kPublish, path}, &leaf)), true);
  }
  std::string lower_at(const std::string& path, LowerReason because = LowerReason::NotWanted) {
    return settle(leaves[path], publish.lower(call(leaves[path], {rungs::kPublish, path}, nullptr, because)), false);
  }
  Finding probe_at(const std::string& path) { return publish.probe(call(leaves[path], {rungs::kPublish, path}, &leaf)); }

  const Scratch scratch;
  const AttachmentKey key{VolumeId("local/data-1"), TargetId("host")};
  std::string image;
  std::optional<Loop> loop;
  Spec spec{.filesystem = "ext4"};
  LeafSpec leaf{};
  Facts below;
  State staged;
  std::map<std::string, State> leaves;
  EventLog events;
  MemoryRecords records;
  FakeMap map;
  Helper helper{blockplug::testing::program("blockplug-helper"), scratch.at("helpers")};
  mount::MountWatch watch{events};
  mount::Stage stage{{helper, records, watch, map, &map, scratch.at("stages")}};
  mount::Publish publish{{helper, watch, map, scratch.at("stages")}};
};

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

}  // namespace blockplug::testing
