// SPDX-License-Identifier: Apache-2.0
#pragma once
// GuestMount: mounts the disk in the guest, by the guest agent. One leaf per guest path.
//
//   raise:  find the disk by its PCI or SCSI address → already mounted there: Done
//           → check that the path is no symbolic link and is empty
//           → verifiably blank and never formatted: record "formatting" → mkfs in the guest → record "formatted"
//           → mkdir, mount, grow
//   lower:  umount in the guest; waits while it is busy; Forced: does not ask the guest, the disk is unplugged while mounted
//   probe:  the guest's mountinfo; an agent that does not answer proves nothing
//
// mkfs only where nothing was ever written to the image before it was plugged ("image.never_written", by us) and nothing is now,
// the guest reads both ends as zeros, and the record does not say Formatted; or over what an mkfs left that this life of the rung
// began
// ("mount.formatting") and the record still speaks of.
// Needs from below: "image.never_written", "guest.pci", "guest.scsi_id", "guest.serial". Of the guest: qemu-ga with guest-exec and
// guest-file-*, ls, find, mount, umount, mkdir, rmdir, readlink, test, sync; mkfs.*, resize2fs, xfs_growfs where they are needed.
// Facts: "guest.disk" "/dev/vda" (as the guest calls it now), "mount.filesystem", "mount.size_bytes" (that it was grown to),
// "mount.made" (the first directory that we made), "mount.formatting" (the uuid of an mkfs that was begun; gone when it is
// mounted), "process.*" (the process whose guest has it mounted). Owned by the composition root; stateless, runs on worker threads.
#include <string>

#include "attach-detach/rung.h"
#include "hotplug/format_records.h"
#include "hotplug/guest/guest_mounts.h"
#include "hotplug/vm/reach.h"

namespace blockplug {

class GuestMount : public Rung {
 public:
  GuestMount(const Vms& vms, GuestMountTables& tables, FormatRecords& records) : vms_(vms), tables_(tables), records_(records) {}
  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  Survey survey(Time) override { return {}; }  // a guest's mounts have no marker; they go with the disk

 private:
  const Vms& vms_;
  GuestMountTables& tables_;
  FormatRecords& records_;
};

// Absolute, normal (no "..", "." or "//", no slash at the end), printable, at most 1,024 bytes, not "/". InvalidArgument.
Status check_guest_path(const std::string& path);

}  // namespace blockplug
