// SPDX-License-Identifier: Apache-2.0
#pragma once
// The round trips that attaching an RBD image needs in addition to opening it, measured one by one with the daemon's classes, on an
// image that no other client holds. Measured around a bare attach of the same image, so that the cluster is in the same state as
// with the daemon.
#include <sys/types.h>

#include <memory>
#include <optional>

#include "ceph/hold.h"
#include "ceph/own.h"
#include "ceph/rbd_source.h"
#include "tests/bench/ceph_lab.h"
#include "tests/bench/samples.h"

namespace blockplug::bench {

// The hold's own are the first three of an attach, and of a detach the last.
struct HoldTimes {
  Samples take, announce, own;  // compare-and-set and watchers; "about to open"; whose client it is
  Samples look_up;              // of monitors and key, for what opens the image
  Samples answers;              // does the cluster answer? Asked before the image is closed
  Samples give_back;
};

class HoldTrips {
 public:
  // `directory` is made; `key` as the daemon will have it.
  static Result<std::unique_ptr<HoldTrips>> make(const CephLab& lab, const std::string& directory, AttachmentKey key);

  Result<NodeRecipe> recipe();  // uncounted: how the daemon would open the image
  Status before_attach(HoldTimes& times);
  Status after_attach(HoldTimes& times, std::optional<pid_t> process);  // that has the image open; a kernel's client has none
  Status before_detach(HoldTimes& times);
  Status after_detach(HoldTimes& times);

 private:
  class Memory final : public Journal {
   public:
    Status keep(const Facts&) override { return Ok{}; }
  };
  HoldTrips(const CephLab& lab, AttachmentKey key)
      : key_(std::move(key)), cluster_(lab.options()), hold_(cluster_, lab.place(), kNode), own_(cluster_, lab.place(), kNode) {}
  Call call(RungKind kind);
  Status take();
  Status give_back();

  static constexpr const char* kNode = "bench-trips";
  const AttachmentKey key_;
  const Spec spec_{};
  rbd::Cluster cluster_;
  rbd::RbdHold hold_;
  rbd::Own own_;
  std::unique_ptr<rbd::RbdSource> source_;
  Memory memory_;
  const Facts nothing_;
  Facts held_, below_;
};

}  // namespace blockplug::bench
