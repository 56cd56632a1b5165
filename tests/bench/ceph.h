// SPDX-License-Identifier: Apache-2.0
#pragma once
// The benchmarks of RBD images, on an existing Ceph: `ceph` on this machine, `krbd` on a node whose kernel has rbd.
#include <string>

#include "tests/bench/image_burst.h"
#include "tests/bench/image_mounting.h"
#include "tests/bench/image_plugging.h"

namespace blockplug::bench {

struct CephSettings {
  std::string program;  // blockplugd
  CephLab lab;
  std::string directory;   // for scratch, made
  std::string vm_sockets;  // the daemon's pattern
  std::map<Bus, std::string> vms;
  std::size_t rounds{}, cycles{};  // of plugging and of mounting
  ImageBurstSettings burst;
};

struct CephFigures {
  ImagePluggingFigures plugging;
  ImageFigures fuse;
  ImageBurstFigures burst;
};

struct KrbdFigures {
  ImageFigures krbd;
};

Result<CephFigures> measure_ceph(const CephSettings& settings);
Result<KrbdFigures> measure_krbd(const CephSettings& settings);  // needs only program, lab, directory, cycles

}  // namespace blockplug::bench
