// SPDX-License-Identifier: Apache-2.0
// The checks of the machine: each notices when what it checks is missing, and says how to fix it.
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/volume-plugin/doctor/tree.h"

namespace blockplug::doctor::testing {
namespace {
using Ask = Check (*)(const Subject&);

struct Row {
  const char* taken;  // removed from the tree
  Ask ask;
  State state;
  const char *found, *remedy;
};

void expect_check(const Check& check, State state, const std::string& found, const std::string& remedy) {
  EXPECT_STREQ(to_text(check.state), to_text(state)) << check.name << ": " << check.found;
  EXPECT_NE(check.found.find(found), std::string::npos) << check.name << ": " << check.found;
  EXPECT_NE(check.remedy.find(remedy), std::string::npos) << check.name << ": " << check.remedy;
  EXPECT_EQ(check.remedy.empty(), state == State::Ok) << check.name << ": " << check.remedy;
  EXPECT_FALSE(check.needed_for.empty()) << check.name;
}

TEST(Machine, IsMissedNothingWhereAllIsThere) {
  const Tree tree;
  for (const auto ask : {check_rights, check_mount_calls, check_ext4_driver, check_xfs_driver, check_udev, check_loop, check_fuse,
                         check_krbd, check_storage_daemon, check_qemu_rbd, check_ext4_programs, check_xfs_programs, check_helper,
                         check_vm_sockets, check_guest_agents})
    expect_check(ask(tree.subject()), State::Ok, "", "");
  EXPECT_EQ(check_loop(tree.subject()).found, "/dev/loop-control, 2 devices");
}

TEST(Machine, IsToldWhatWasTakenAwayAndWhatToDo) {
  const Row table[] = {
      {"proc/self/status", check_rights, State::Missing, "no CAP_SYS_ADMIN", "sudo blockplug doctor"},
      {"run/udev/control", check_udev, State::Limited, "the kernel's own events are used", "apt install udev"},
      {"dev/loop-control", check_loop, State::Missing, "/dev/loop-control: No such file", "linux-image-amd64"},
      {"dev/fuse", check_fuse, State::Limited, "/dev/fuse: No such file", "linux-image-amd64"},
      {"usr/bin/qemu-storage-daemon", check_storage_daemon, State::Limited, "no qemu-storage-daemon",
       "apt install qemu-system-common"},
      {"usr/lib/x86_64-linux-gnu/qemu/block-rbd.so", check_qemu_rbd, State::Limited, "no block-rbd.so",
       "apt install qemu-block-extra"},
      {"sys/bus/rbd", check_krbd, State::Limited, "no rbd, built in or as a module", "linux-image-amd64"},
      {"usr/sbin/mkfs.ext4", check_ext4_programs, State::Missing, "no mkfs.ext4", "apt install e2fsprogs"},
      {"usr/sbin/e2fsck", check_ext4_programs, State::Missing, "no e2fsck", "apt install e2fsprogs"},
      {"usr/sbin/resize2fs", check_ext4_programs, State::Missing, "no resize2fs", "apt install e2fsprogs"},
      {"usr/sbin/mkfs.xfs", check_xfs_programs, State::Limited, "no mkfs.xfs", "apt install xfsprogs"},
      {"usr/sbin/xfs_repair", check_xfs_programs, State::Limited, "no xfs_repair", "apt install xfsprogs"},
      {"usr/sbin/xfs_growfs", check_xfs_programs, State::Limited, "no xfs_growfs", "apt install xfsprogs"},
      {"proc/filesystems", check_ext4_driver, State::Missing, "no ext4, built in or as a module", "linux-image-amd64"},
      {"proc/filesystems", check_xfs_driver, State::Limited, "no xfs, built in or as a module", "linux-image-amd64"},
      {"bin/blockplug-helper", check_helper, State::Missing, "no such file: /", "beside blockplugd"},
      {"run/vms/web-0/qmp.sock", check_vm_sockets, State::Limited, "0 sockets at", "start a VM with -qmp unix:/"},
      {"run/vms", check_vm_sockets, State::Limited, "no such directory", "/run/vms/ID/qmp.sock"},
      {"run/vms/web-0/qga.sock", check_guest_agents, State::Limited, "0 of 1 VM have", "apt install qemu-guest-agent"},
  };
  for (const auto& row : table) {
    const Tree tree;
    tree.take(row.taken);
    expect_check(row.ask(tree.subject()), row.state, row.found, row.remedy);
  }
}

TEST(Rights, AreToldByWhatDoesNotGoWithoutThem) {
  const Tree tree;
  const auto with = [&tree](const std::string& rights) {
    tree.put("proc/self/status", "CapPrm:\t000001ffffffffff\nCapEff:\t" + rights + "\nCapBnd:\t000001ffffffffff\n");
    return check_rights(tree.subject());
  };
  expect_check(with("000001fffeffffff"), State::Limited, "no CAP_SYS_RESOURCE: a mounted ext4 cannot grow", "CAP_SYS_RESOURCE");
  expect_check(with("000001fffef7ffff"), State::Limited, "no CAP_SYS_PTRACE", "CAP_SYS_RESOURCE CAP_SYS_PTRACE");
  expect_check(with("000001fffffffffd"), State::Limited, "no CAP_DAC_OVERRIDE", "CAP_DAC_OVERRIDE");
  expect_check(with("000001ffffdfffff"), State::Missing, "no CAP_SYS_ADMIN", "sudo blockplug doctor");
  expect_check(with("0000000000000000"), State::Missing, "no CAP_SYS_ADMIN", "sudo blockplug doctor");
}

TEST(Rights, AreWorthNothingInAUserNamespace) {
  for (const auto* map : {"         0     100000      65536\n", "         0          0      65536\n", "1000 0 4294967295\n"}) {
    const Tree tree;
    tree.put("proc/self/uid_map", map);
    expect_check(check_rights(tree.subject()), State::Missing, "user namespace", "host's user namespace");
  }
}

TEST(Drivers, MayBeModulesThatAreNotLoadedYet) {
  const Tree tree;
  tree.put("proc/filesystems", "nodev\ttmpfs\n\text3\n");
  tree.take("sys/bus/rbd");
  expect_check(check_ext4_driver(tree.subject()), State::Missing, "no ext4, built in or as a module", "");
  tree.put("lib/modules/6.1.0-test/modules.dep",
           "kernel/fs/ext4/ext4.ko: kernel/fs/mbcache.ko\nkernel/fs/xfs/xfs.ko.xz:\nkernel/drivers/block/rbd.ko: "
           "kernel/net/ceph/x.ko\n");
  for (const auto ask : {check_ext4_driver, check_xfs_driver, check_krbd})
    expect_check(ask(tree.subject()), State::Ok, "available as a module", "");
}

TEST(Drivers, OfAnotherKernelOrOnlyDependedOnDoNotCount) {
  const Tree tree;
  tree.take("sys/bus/rbd");
  tree.put("lib/modules/6.1.0-other/modules.dep", "kernel/drivers/block/rbd.ko:\n");
  tree.put("lib/modules/6.1.0-test/modules.dep", "kernel/x.ko: kernel/drivers/block/rbd.ko\n");
  expect_check(check_krbd(tree.subject()), State::Limited, "no rbd", "");
}

TEST(LoopDevices, ThatAreMissingAreSaidWithTheShortestWayToThem) {
  const Tree tree;
  tree.take("dev/loop-control");
  tree.put("lib/modules/6.1.0-test/modules.dep", "kernel/drivers/block/loop.ko:\n");
  expect_check(check_loop(tree.subject()), State::Missing, "No such file", "modprobe loop");
  tree.put("sys/class/misc/loop-control/dev", "10:237\n");
  expect_check(check_loop(tree.subject()), State::Missing, "No such file", "/dev has no node");
  std::filesystem::create_symlink("/dev/null", tree.at("dev/loop-control"));
  expect_check(check_loop(tree.subject()), State::Missing, "is another device or file", "mknod /dev/loop-control c 10 237");
}

class AsNobody {
 public:
  AsNobody() { static_cast<void>(::seteuid(65534)); }
  ~AsNobody() { static_cast<void>(::seteuid(::getuid())); }
};

TEST(Devices, ThatMayNotBeOpenedAreAQuestionOfRights) {
  const Tree tree;
  const auto subject = tree.subject();
  const AsNobody nobody;
  expect_check(check_loop(subject), State::Missing, "/dev/loop-control: permission denied", "run as root");
  expect_check(check_fuse(subject), State::Limited, "/dev/fuse: permission denied", "run as root");
}

TEST(MountCalls, ThatTheKernelHasNotOrDoesNotAllowAreNamed) {
  const Tree tree;
  auto subject = tree.subject();
  subject.errno_of_call = [](long number) { return number == SYS_mount_setattr ? ENOSYS : EINVAL; };
  expect_check(check_mount_calls(subject), State::Missing, "this kernel has no mount_setattr", "Linux 5.12");
  subject.errno_of_call = [](long number) { return number == SYS_open_tree ? EPERM : EINVAL; };
  expect_check(check_mount_calls(subject), State::Missing, "not allowed: open_tree", "run as root");
}

TEST(Program, ThatMayNotBeRunIsAsGoodAsNone) {
  const Tree tree;
  std::filesystem::permissions(tree.at("usr/sbin/mkfs.ext4"), std::filesystem::perms{0644});
  expect_check(check_ext4_programs(tree.subject()), State::Missing, "no mkfs.ext4", "apt install e2fsprogs");
  std::filesystem::permissions(tree.at("bin/blockplug-helper"), std::filesystem::perms{0644});
  expect_check(check_helper(tree.subject()), State::Missing, "is not executable", "beside blockplugd");
}

TEST(VmSockets, AreCountedWhereverThePatternHasTheVm) {
  const Tree tree;
  auto subject = tree.subject();
  subject.vm_sockets = tree.at("run/vm-{vm}.qmp");
  expect_check(check_vm_sockets(subject), State::Limited, "0 sockets at", "vm-ID.qmp,server=on");
  tree.listen_at("run/vm-a.qmp");
  tree.listen_at("run/vm-[b].qmp");
  tree.put("run/vm-file.qmp");
  expect_check(check_vm_sockets(subject), State::Ok, "2 sockets at", "");
  subject.vm_sockets = tree.at("run/vm-[b].qmp{vm}");
  EXPECT_EQ(check_vm_sockets(subject).found.substr(0, 9), "1 socket ");
}

TEST(GuestAgents, HaveNoPlaceWhereVmsHaveNoDirectoryOfTheirOwn) {
  const Tree tree;
  auto subject = tree.subject();
  subject.vm_sockets = tree.at("run/vm-{vm}.qmp");
  tree.listen_at("run/vm-a.qmp");
  tree.listen_at("run/qga.sock");
  expect_check(check_guest_agents(subject), State::Limited, "no directory of their own",
               "set vms.sockets to a path with a directory per VM");
}

TEST(GuestAgents, ThatAreMissingAreCountedAndOneIsNamed) {
  const Tree tree;
  tree.listen_at("run/vms/web-1/qmp.sock");
  tree.listen_at("run/vms/web-2/qmp.sock");
  expect_check(check_guest_agents(tree.subject()), State::Limited, "1 of 3 VMs have a qga.sock", "apt install qemu-guest-agent");
  EXPECT_TRUE(check_guest_agents(tree.subject()).found.ends_with("web-1/qga.sock and others"));
}

TEST(GuestAgents, AreNotAskedForWhereThereIsNoVm) {
  const Tree tree;
  tree.take("run/vms");
  expect_check(check_guest_agents(tree.subject()), State::Ok, "no VMs found", "");
}

}  // namespace
}  // namespace blockplug::doctor::testing
