// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a caller asks for at the door, in terms of no surface: the admin service translates the command line's flags, CSI its own
// calls. Values.
//
//   a disk of a VM                  target vm:<id>
//   mounted in its guest            the same, and a leaf with a path of the guest
//   a path of this host             target host, and a leaf with that path
//   the device itself at a path     the same, height Device
//   staged, at no path yet          target host, a staging path, no leaf
//   handed over to a pod in a VM    target vm:<id>, a leaf with a path of the guest, and as the staging path where the hand-over is
//   promised to a node              target node:<id>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/volume_manager.h"

namespace blockplug {

// How much of the trunk. Device: on the host, up to the block device and no further (raw block).
enum class Height : std::uint8_t { Whole, Device };

// A VM that is not there: refused, or armed until it is.
enum class AbsentTarget : std::uint8_t { Refused, Armed };

// When is the caller answered: when all of it is there, or when the hand-over is, which the VM that will use it may follow.
enum class AnsweredWhen : std::uint8_t { Attached, HandedOver };

// A path where the volume appears: of this host for `host`, of its guest for `vm:<id>`.
struct WantedLeaf {
  std::string path;
  Access access{Access::ReadWrite};
  std::vector<std::string> mount_flags{};
  std::string filesystem{};  // in a guest; on the host the trunk has it
  bool is_alone{};           // refused while the volume is, or is to be, at another path of this target
};

struct WantedAttachment {
  std::string volume;
  TargetId target;
  Height height{Height::Whole};
  Access access{Access::ReadWrite};        // of the trunk; a read-only leaf takes one that is desired already as it is
  std::string filesystem{};                // of the trunk's mount: "ext4", "xfs"; empty: what is there, ext4 where nothing is
  std::vector<std::string> mount_flags{};  // of the trunk's mount
  std::string staging_path{};              // where that is, or the hand-over; empty: at a place of our own, or none
  std::optional<WantedLeaf> leaf{};
  std::string only_below{};  // a directory: paths that lead out of it, by links too, are refused; empty: any path
  AbsentTarget if_absent{AbsentTarget::Refused};
  AnsweredWhen answered_when{AnsweredWhen::Attached};
  Origin origin{Origin::Person};
  std::string operation{};  // id for logs
};

// A volume that is not attached: its backend must know it (a misspelt id is not "already so"), or it is detached, whatever its
// backend says.
enum class IfUnknown : std::uint8_t { Refused, IsDetached };

struct WantedDetachment {
  std::string volume;
  TargetId target;
  std::string leaf{};  // its path; empty: all of it
  Trunk trunk{Trunk::GoesWithLastLeaf};
  // For the target host: what is handed over to a VM at this path of the host goes from there, as a leaf would; and where no path
  // is named, it is in the way of the rest as a leaf is.
  bool or_handed_over{};
  bool by_force{};  // from a VM whose guest does not let go
  IfUnknown if_unknown{IfUnknown::Refused};
  std::string operation{};
};

}  // namespace blockplug
