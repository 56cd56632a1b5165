// SPDX-License-Identifier: Apache-2.0
// Every command of every act of Open and Plug fails in every way. Then: what is called done is done, a probe says nothing that is
// not so, and the same act, tried again, gets there and leaves nothing behind.
#include "tests/hotplug/vm/keyed_source.h"
#include "tests/hotplug/vm/vm_worlds.h"

namespace blockplug::testing {
namespace {

using Failure = FakeQemu::Failure;
constexpr std::int64_t kGrown = 4 * kMebibyte;

enum class Storage { Keyed, Passed };  // how QEMU opens it: by itself with a key, or a descriptor of ours

struct World {
  World(FakeQemu::Bus bus, Storage storage) : qemu(bus) {
    place_vm(directory.path(), monitor.path());
    bench.emplace(directory.path(), storage == Storage::Keyed ? &keyed : nullptr);
    EXPECT_TRUE(bench->wait_for_vm("web-0"));
    volume = bench->make_volume("data-1", "web-0");
  }
  std::optional<std::int64_t> size() const { return qemu.size_of(node_name(volume.id())); }
  bool is_plugged() const { return qemu.has_device(device_id(volume.id())); }
  bool is_open() const { return size().has_value(); }
  bool has_key() const { return qemu.limits_of(secret_name(volume.id())).has_value(); }
  std::int64_t iops() const {
    const auto limits = qemu.limits_of(device_id(volume.id()));
    return limits ? limits->value("iops-total", std::int64_t{0}) : -1;
  }
  bool passes_trim() const { return qemu.discard_of(node_name(volume.id())) == "unmap"; }
  bool is_connected() const { return bench->vms.find("web-0") && bench->vms.find("web-0")->sight().is_connected; }

  TemporaryDirectory directory;
  FakeQemu qemu;
  FakeMonitor monitor{qemu.script()};
  KeyedSource keyed;
  std::optional<VmBench> bench;
  VmBench::Volume volume;
};

struct Act {
  const char* name;
  void (*prepare)(World& world);
  Attempt (*perform)(World& world, Clock::duration limit);
  bool (*is_so)(World& world);
};

void attach(World& world) { world.bench->attach(world.volume); }
void open(World& world) { EXPECT_EQ(VmBench::text(world.bench->raise(world.bench->open, world.volume)), "done"); }
void outdate(World& world) { world.bench->vms.find("web-0")->outdate_inventory(); }
Attempt raise_open(World& world, Clock::duration limit) { return world.bench->raise(world.bench->open, world.volume, limit); }
Attempt raise_plug(World& world, Clock::duration limit) { return world.bench->raise(world.bench->plug, world.volume, limit); }
Attempt lower_plug(World& world, Clock::duration limit) { return world.bench->lower(world.bench->plug, world.volume, limit); }
Attempt lower_open(World& world, Clock::duration limit) { return world.bench->lower(world.bench->open, world.volume, limit); }

const std::vector<Act> kActs{
    {"Open", [](World&) {}, raise_open, [](World& world) { return world.is_open() && !world.has_key(); }},
    {"OpenUnknownVm", outdate, raise_open, [](World& world) { return world.is_open() && !world.has_key(); }},
    {"OpenWithLimits",
     [](World& world) {
       world.volume.spec.limits = {{"iops", 500}};
     },
     raise_open, [](World& world) { return world.is_open() && world.iops() == 500; }},
    {"Adopt", [](World& world) { open(world), outdate(world), world.volume.open_before.clear(); }, raise_open,
     [](World& world) { return world.is_open() && !world.has_key(); }},
    {"Grow",
     [](World& world) {
       attach(world);
       files::resize_file(world.volume.below.at("image.path"), kGrown);
       world.volume.spec.size_bytes = kGrown;
     },
     raise_open, [](World& world) { return world.size() == kGrown; }},
    {"Limit",
     [](World& world) {
       attach(world), world.volume.spec.limits = {{"iops", 100}};
     },
     raise_open, [](World& world) { return world.iops() == 100; }},
    {"LimitBytes",
     [](World& world) {
       attach(world), world.volume.spec.limits = {{"iops", 100}, {"bytes_per_second", kMebibyte}};
     },
     raise_open, [](World& world) { return world.iops() == 100 && !world.passes_trim(); }},
    {"LiftLimitOfBytes",
     [](World& world) {
       world.volume.spec.limits = {{"bytes_per_second", kMebibyte}};
       attach(world), world.volume.spec.limits.clear();
     },
     raise_open, [](World& world) { return world.iops() == 0 && world.passes_trim(); }},
    {"Plug", open, raise_plug, [](World& world) { return world.is_plugged(); }},
    {"PlugIntoUnknownVm", [](World& world) { open(world), outdate(world); }, raise_plug,
     [](World& world) { return world.is_plugged(); }},
    {"Unplug", attach, lower_plug, [](World& world) { return !world.is_plugged(); }},
    {"Close", open, lower_open, [](World& world) { return world.qemu.leftovers().empty(); }},
};

struct Row {
  FakeQemu::Bus bus;
  Storage storage;
  Failure failure;
  const char* name;
};

// On a busy machine kShort may be over before the command that fails is sent: then it is tried once more, with the other.
constexpr std::chrono::milliseconds kShort{100}, kEnough{10'000};

class FailingCommand : public ::testing::TestWithParam<Row> {
 protected:
  static std::chrono::milliseconds first_limit() { return GetParam().failure == Failure::Unanswered ? kShort : kEnough; }

  // false: the act has fewer commands, or was not given the time for this one.
  static bool fails_at(const Act& act, int number, std::chrono::milliseconds limit) {
    World world(GetParam().bus, GetParam().storage);
    act.prepare(world);
    world.qemu.fail_command(number, GetParam().failure);
    auto attempt = act.perform(world, limit);
    if (!world.qemu.has_failed()) return false;
    const auto first = VmBench::text(attempt);
    const auto where = std::string(act.name) + ", command " + std::to_string(number) + " (" + world.qemu.commands().back() + ")";
    EXPECT_TRUE(first != "done" || act.is_so(world)) << where << ": called done";
    world.qemu.resume_replies();
    EXPECT_TRUE(world.bench->events.wait_until([&] { return world.is_connected(); })) << where;
    const bool is_there = world.bench->events.wait_until([&] {
      attempt = act.perform(world, std::chrono::seconds(10));
      return std::holds_alternative<Done>(attempt);
    });
    EXPECT_TRUE(is_there && act.is_so(world)) << where << ": at first " << first << "; tried again: " << VmBench::text(attempt);
    EXPECT_TRUE(world.bench->detach(world.volume)) << where;
    EXPECT_EQ(world.qemu.leftovers(), std::vector<std::string>{}) << where << ": at first " << first;
    return true;
  }

  // false: the probe has fewer commands, or was not given the time for this one.
  static bool probe_fails_at(bool is_attached, bool is_plug, int number, std::chrono::milliseconds limit) {
    World world(GetParam().bus, GetParam().storage);
    if (is_attached) attach(world);
    outdate(world);
    world.qemu.fail_command(number, GetParam().failure);
    Rung& rung = is_plug ? static_cast<Rung&>(world.bench->plug) : world.bench->open;
    const auto found = world.bench->probe(rung, world.volume, limit).standing;
    const bool has_failed = world.qemu.has_failed();
    world.qemu.resume_replies();
    const bool may_be_unknown = has_failed || limit == kShort;
    EXPECT_TRUE(found == (is_attached ? Standing::Up : Standing::Down) || (may_be_unknown && found == Standing::Unknown))
        << to_text(found) << " of " << (is_plug ? "plug" : "open") << ", command " << number;
    return has_failed;
  }
};

TEST_P(FailingCommand, IsNeverTakenForSuccess) {
  for (const auto& act : kActs) {
    int number = 1;
    while (fails_at(act, number, first_limit()) || fails_at(act, number, kEnough)) ++number;
    EXPECT_GT(number, 1) << act.name << " has no commands";
  }
}

TEST_P(FailingCommand, LetsAProbeSayNothingThatIsNotSo) {
  for (const bool is_attached : {false, true})
    for (const bool is_plug : {false, true}) {
      const auto fails = [&](int number, std::chrono::milliseconds limit) {
        return probe_fails_at(is_attached, is_plug, number, limit);
      };
      for (int number = 1; fails(number, first_limit()) || fails(number, kEnough);) ++number;
    }
}

std::vector<Row> rows() {
  std::vector<Row> all;
  for (const auto& [bus, storage] :
       {std::pair(FakeQemu::Bus::Scsi, Storage::Passed), std::pair(FakeQemu::Bus::VirtioBlk, Storage::Keyed)})
    for (const auto& [failure, name] : {std::pair(Failure::Refused, "Refused"), std::pair(Failure::Unanswered, "Unanswered"),
                                        std::pair(Failure::LostBefore, "LostBefore"), std::pair(Failure::LostAfter, "LostAfter")})
      all.push_back({bus, storage, failure, name});
  return all;
}
INSTANTIATE_TEST_SUITE_P(On, FailingCommand, ::testing::ValuesIn(rows()), [](const auto& row) {
  return std::string(row.param.name) + (row.param.bus == FakeQemu::Bus::Scsi ? "ScsiPassed" : "VirtioBlkKeyed");
});

}  // namespace
}  // namespace blockplug::testing
