// SPDX-License-Identifier: Apache-2.0
#include "tests/hotplug/vm/rung_contract.h"

namespace blockplug::testing {
namespace {

template <FakeQemu::Bus kBus>
class FakeWorld : public VmWorld {
 public:
  explicit FakeWorld(const std::string& directory) {
    files::create_directories(directory + "/vms/web-0");
    files::create_symlink(monitor_.path(), directory + "/vms/web-0/qmp.sock");
  }
  static std::unique_ptr<VmWorld> make(const std::string& directory) { return std::make_unique<FakeWorld>(directory); }

 private:
  FakeQemu qemu_{kBus};
  FakeMonitor monitor_{qemu_.script()};
};

class RealWorld : public VmWorld {
 public:
  RealWorld(const std::string& directory, std::vector<std::string> more) : qemu_(directory + "/vms/web-0", std::move(more)) {}
  static std::unique_ptr<VmWorld> with_scsi(const std::string& directory) {
    return std::make_unique<RealWorld>(directory, std::vector<std::string>{"-device", "virtio-scsi-pci,id=scsi0"});
  }
  static std::unique_ptr<VmWorld> with_ports(const std::string& directory) {
    return std::make_unique<RealWorld>(directory, std::vector<std::string>{});
  }

 private:
  RealQemu qemu_;
};

INSTANTIATE_TEST_SUITE_P(On, RungContract,
                         ::testing::Values(WorldRow{"FakeScsi", FakeWorld<FakeQemu::Bus::Scsi>::make, "scsi", true},
                                           WorldRow{"FakeVirtioBlk", FakeWorld<FakeQemu::Bus::VirtioBlk>::make, "virtio-blk", true},
                                           WorldRow{"RealScsi", RealWorld::with_scsi, "scsi", true},
                                           WorldRow{"RealVirtioBlk", RealWorld::with_ports, "virtio-blk", false}),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace blockplug::testing
