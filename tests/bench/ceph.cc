// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/ceph.h"

#include "tests/bench/daemon_process.h"
#include "tests/bench/leftovers.h"

namespace blockplug::bench {
namespace {

Result<std::unique_ptr<DaemonProcess>> start_daemon(const CephSettings& settings, Mapping mapping) {
  DaemonPlace place{.program = settings.program, .directory = settings.directory};
  if (!settings.vm_sockets.empty()) place.vm_sockets = settings.vm_sockets;
  place.backend = settings.lab.backend(to_text(mapping));
  return DaemonProcess::start(place);
}

}  // namespace

Result<CephFigures> measure_ceph(const CephSettings& settings) {
  const Leftovers leftovers(settings.directory);
  const auto daemon = TRY(start_daemon(settings, Mapping::Fuse));
  auto& caller = daemon->caller();
  CephFigures figures;
  figures.plugging = TRY(measure_image_plugging({settings.lab, settings.directory, settings.vms, settings.rounds}, caller));
  figures.burst = TRY(measure_image_burst(settings.burst, caller));
  figures.fuse = TRY(measure_image_mounting({settings.lab, Mapping::Fuse, settings.directory, settings.cycles}, caller));
  return figures;
}

Result<KrbdFigures> measure_krbd(const CephSettings& settings) {
  const Leftovers leftovers(settings.directory);
  const auto daemon = TRY(start_daemon(settings, Mapping::Krbd));
  return KrbdFigures{
      TRY(measure_image_mounting({settings.lab, Mapping::Krbd, settings.directory, settings.cycles}, daemon->caller()))};
}

}  // namespace blockplug::bench
