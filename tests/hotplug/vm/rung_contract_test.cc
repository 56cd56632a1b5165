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

const WorldRow kFakeScsi{"FakeScsi", FakeWorld<FakeQemu::Bus::Scsi>::make, "scsi", true};
const WorldRow kFakePorts{"FakeVirtioBlk", FakeWorld<FakeQemu::Bus::VirtioBlk>::make, "virtio-blk", true};
const WorldRow kRealScsi{"RealScsi", RealWorld::with_scsi, "scsi", true};
const WorldRow kRealPorts{"RealVirtioBlk", RealWorld::with_ports, "virtio-blk", false};
std::string name_of_row(const ::testing::TestParamInfo<WorldRow>& row) { return row.param.name; }

INSTANTIATE_TEST_SUITE_P(On, RungContract, ::testing::Values(kFakeScsi, kFakePorts, kRealScsi, kRealPorts), name_of_row);
INSTANTIATE_TEST_SUITE_P(On, TwoPortsContract, ::testing::Values(kFakePorts, kRealPorts), name_of_row);

}  // namespace
}  // namespace blockplug::testing
