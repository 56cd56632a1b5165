// SPDX-License-Identifier: Apache-2.0
#pragma once
// What facts are called: by the role of what they tell of, not by the rung that found it out. A rung reads what it needs from
// `Call::below` by these names, whoever gave it, so a rung can be inserted between two others without changing either: an
// encryption rung reads kDevicePath from below and gives its own kDevicePath to what stands above it.
//
// The store keeps these names. Renaming one needs a new schema version (sqlite_migrations.cc).
namespace blockplug::roles {

// The image: what is really stored.
inline constexpr const char* kImageId = "image.id";  // "file:64768:1312", "rbd:<fsid>/<pool>/<namespace>/<id>"; the core reads it
inline constexpr const char* kImageSizeBytes = "image.size_bytes";
inline constexpr const char* kImageNeverWritten = "image.never_written";  // "true": proven when it was first held
inline constexpr const char* kImagePath = "image.path";                   // of a file
inline constexpr const char* kImageDirect = "image.direct";               // "true": the file can be opened with O_DIRECT
inline constexpr const char* kImageBoot = "image.boot";                   // the host's boot for which the file's id is valid
inline constexpr const char* kImagePool = "image.pool";                   // of an RBD image, as the next three
inline constexpr const char* kImageNamespace = "image.namespace";
inline constexpr const char* kImageName = "image.name";
inline constexpr const char* kImageRbdId = "image.rbd_id";          // Ceph's own id: the end of kImageId
inline constexpr const char* kImageClient = "image.client";         // the Ceph client that has it open, or "unknown"
inline constexpr const char* kImageClientWhy = "image.client_why";  // why it is unknown
inline constexpr const char* kVolumeSerial = "volume.serial";       // that its disk must have; none: Plug chooses one
inline constexpr const char* kHoldSince = "hold.since";             // RFC 3339

// The process that has the image open: a QEMU, or a storage daemon.
inline constexpr const char* kProcessPid = "process.pid";
inline constexpr const char* kProcessStart = "process.start";
inline constexpr const char* kProcessBoot = "process.boot";

// The block node in QEMU.
inline constexpr const char* kNodeName = "node.name";

// The block device on this host.
inline constexpr const char* kDevicePath = "device.path";      // "/dev/loop3"
inline constexpr const char* kDeviceNumber = "device.number";  // "7:3"
inline constexpr const char* kDeviceSizeBytes = "device.size_bytes";
inline constexpr const char* kDeviceDirect = "device.direct";
inline constexpr const char* kDeviceMapper = "device.mapper";       // who made it: "krbd", "fuse"
inline constexpr const char* kDeviceCanLimit = "device.can_limit";  // "true": limits reach it
inline constexpr const char* kDeviceClient = "device.client";       // of a kernel mapping: its Ceph client

// The disk in the guest.
inline constexpr const char* kGuestDevice = "guest.device";  // its id in QEMU
inline constexpr const char* kGuestSerial = "guest.serial";
inline constexpr const char* kGuestBus = "guest.bus";
inline constexpr const char* kGuestAddress = "guest.address";
inline constexpr const char* kGuestPci = "guest.pci";  // PCI place of its controller or port: "00:02.0/00.0"
inline constexpr const char* kGuestScsiId = "guest.scsi_id";
inline constexpr const char* kGuestDisk = "guest.disk";  // what the guest calls it: "/dev/sda"

// A mount of its file system, or a bind of its device; on the host or in the guest.
inline constexpr const char* kMountPath = "mount.path";      // without symbolic links; the core reads it
inline constexpr const char* kMountNumber = "mount.number";  // of the device that is mounted
inline constexpr const char* kMountDevice = "mount.device";
inline constexpr const char* kMountFilesystem = "mount.filesystem";
inline constexpr const char* kStagingPath = "mount.staging_path";  // as it was asked for, links and all; the core reads it
inline constexpr const char* kMountUuid = "mount.uuid";
inline constexpr const char* kMountSizeBytes = "mount.size_bytes";   // of the device that it was grown to
inline constexpr const char* kMountMade = "mount.made";              // the first directory that was made for it
inline constexpr const char* kMountFormatting = "mount.formatting";  // the uuid of the mkfs that was begun for it

}  // namespace blockplug::roles
