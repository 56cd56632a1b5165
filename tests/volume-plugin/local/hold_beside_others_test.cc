// SPDX-License-Identifier: Apache-2.0
// A hold beside real users that do not know it: QEMU programs and loop devices.
#include <unistd.h>

#include "tests/volume-plugin/local/hold_fixture.h"

namespace blockplug::local::testing {
namespace {
namespace fs = std::filesystem;
using HoldBesideOthers = LocalHoldTest;

TEST_F(HoldBesideOthers, IsRefusedBesideALoopDeviceUnlessItIsOurs) {
  const auto path = make_volume("a");
  Asking writer{"a", "host"}, reader{"a", "host", Access::ReadOnly};
  {
    const Loop loop{path, ""};
    for (auto* asking : {&writer, &reader}) {
      EXPECT_EQ(hold_.probe(asking->call()).standing, Standing::Foreign);
      expect_text(refusal(hold_, *asking).message, "it is attached to " + loop.device() + ": unmount it, then run `losetup -d");
    }
    LocalHold owner{backend_->directory(),
                    {.vm_process = {}, .is_our_loop = [&](const AttachmentKey& key, const std::string& device) {
                       return key == writer.key && device == loop.device();
                     }}};
    done(owner.raise(writer.call()));
  }
  const Loop loop{path, "--read-only"};
  refusal(hold_, writer);
  done(hold_.raise(reader.call()));
}

TEST_F(HoldBesideOthers, SeesALoopDeviceThroughAnotherNameOfTheFile) {
  const auto path = make_volume("a");
  const auto other = directory_.path() / "other-name";
  fs::create_hard_link(path, other);
  const Loop loop{other, ""};
  Asking asking{"a"};
  expect_text(refusal(hold_, asking).message, loop.device());
}

TEST_F(HoldBesideOthers, IsRefusedBesideAForeignQemu) {
  const auto path = make_volume("a");
  const Qemu qemu{Qemu::Program::StorageDaemon, directory_.path(), path, Access::ReadWrite};
  for (const auto access : {Access::ReadWrite, Access::ReadOnly}) {
    Asking asking{"a", "vm:web-0", access};
    EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Foreign);
    expect_text(refusal(hold_, asking).message, "it is open in process " + std::to_string(qemu.pid()) + " (qemu-storage-da");
  }
}

TEST_F(HoldBesideOthers, SharesWithAQemuThatOnlyReads) {
  const auto path = make_volume("a");
  const Qemu qemu{Qemu::Program::Vm, directory_.path(), path, Access::ReadOnly};
  Asking writer{"a"}, reader{"a", "vm:web-1", Access::ReadOnly};
  refusal(hold_, writer);
  done(hold_.raise(reader.call()));
}

TEST_F(HoldBesideOthers, AdoptsTheDiskOfItsOwnVmAndOnlyThat) {
  const auto path = make_volume("a");
  const Qemu vm{Qemu::Program::Vm, directory_.path(), path, Access::ReadWrite};
  LocalHold hold{backend_->directory(), vm_is(vm.pid())};
  Asking ours{"a"}, another{"a", "vm:web-1"};
  refusal(hold, another);
  expect_text(refusal(hold_, ours).message, "it is open in process " + std::to_string(vm.pid()) + " (qemu-system-x86");
  EXPECT_EQ(hold.probe(ours.call()).standing, Standing::Down);  // the store was lost
  ours.before = done(hold.raise(ours.call()));
  LocalHold restarted{backend_->directory(), vm_is(vm.pid())};
  done(hold.lower(ours.call()));
  EXPECT_EQ(restarted.probe(ours.call()).standing, Standing::Stale);
  done(restarted.raise(ours.call()));
}

TEST_F(HoldBesideOthers, DoesNotKnowWhoseQemuItIsWhileItsVmHasNotAnswered) {
  const auto path = make_volume("a");
  bool is_asked = false;
  LocalHold hold{backend_->directory(), {.vm_process = {}, .is_our_loop = {}, .is_unseen = [&](const TargetId& target) {
                                           return target.str() == "vm:web-0" && !is_asked;
                                         }}};
  Asking ours{"a"}, another{"a", "vm:web-1"};
  {
    const Qemu vm{Qemu::Program::Vm, directory_.path(), path, Access::ReadWrite};
    const auto finding = hold.probe(ours.call());
    EXPECT_EQ(finding.standing, Standing::Unknown);
    expect_text(finding.why, "process " + std::to_string(vm.pid()));
    expect_text(finding.why, "this may be the volume's own VM, which has not answered yet");
    const auto refused = error(hold.raise(ours.call()));
    EXPECT_EQ(refused.code, Code::Unavailable) << "tried again, not given up";
    EXPECT_EQ(refused.effect, Effect::None);
    EXPECT_EQ(hold.probe(another.call()).standing, Standing::Foreign);
    is_asked = true;
    EXPECT_EQ(hold.probe(ours.call()).standing, Standing::Foreign);
    refusal(hold, ours);
  }
  is_asked = false;
  const Loop loop{path, ""};
  EXPECT_EQ(hold.probe(ours.call()).standing, Standing::Foreign) << "a loop device is no VM";
}

TEST_F(HoldBesideOthers, DoesNotTakeTheLockOfAThirdForThatOfItsVm) {
  const auto path = make_volume("a");
  const Qemu vm{Qemu::Program::Vm, directory_.path(), path, Access::ReadOnly};
  const ByteLock third{path, 100};
  LocalHold hold{backend_->directory(), vm_is(vm.pid())};
  Asking asking{"a"};
  const auto refused = refusal(hold, asking).message;
  expect_text(refused, "process " + std::to_string(::getpid()) + " (");
  EXPECT_EQ(refused.find("process " + std::to_string(vm.pid())), std::string::npos) << refused;
}
}  // namespace
}  // namespace blockplug::local::testing
