// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a caller asks for at the door, in nobody's words: the admin service translates the command line's flags, CSI its own calls.
// Values.
//
//   a disk of a VM                  target vm:<id>
//   mounted in its guest            the same, and a leaf with a path of the guest
//   a path of this host             target host, and a leaf with that path
//   the device itself at a path     the same, height Device
//   staged, at no path yet          target host, a staging path, no leaf
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

// A path where the volume appears: of this host for `host`, of its guest for `vm:<id>`.
struct WantedLeaf {
  std::string path;
  Access access{Access::ReadWrite};
  std::vector<std::string> mount_flags{};
  std::string filesystem{};  // in a guest; on the host the trunk has it
};

struct WantedAttachment {
  std::string volume;
  TargetId target;
  Height height{Height::Whole};
  Access access{Access::ReadWrite};        // of the trunk; a read-only leaf takes one that is wished already as it is
  std::string filesystem{};                // of the trunk's mount: "ext4", "xfs"; empty: what is there, ext4 where nothing is
  std::vector<std::string> mount_flags{};  // of the trunk's mount
  std::string staging_path{};              // where that is; empty: at a place of our own
  std::optional<WantedLeaf> leaf{};
  AbsentTarget if_absent{AbsentTarget::Refused};
  Origin origin{Origin::Person};
  std::string operation{};  // id for logs
};

struct WantedDetachment {
  std::string volume;
  TargetId target;
  std::string leaf{};  // its path; empty: all of it
  Trunk trunk{Trunk::GoesWithLastLeaf};
  bool by_force{};  // from a VM whose guest does not let go
  std::string operation{};
};

}  // namespace blockplug
