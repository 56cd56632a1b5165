// SPDX-License-Identifier: Apache-2.0
#pragma once
// Open-file-description locks on a volume's file: takes the lock of Blockplug daemons, and checks for QEMU's.
//
// Only OFD locks: a POSIX lock would be lost as soon as any descriptor of the file is closed anywhere in the process. They end with
// their descriptor, so with the daemon. Free functions on a descriptor; any thread.
#include <array>
#include <cstdint>
#include <span>

#include "attach-detach/outcome.h"
#include "attach-detach/rung.h"

namespace blockplug::local {

struct ByteRange {
  std::int64_t first{}, last{};
};

// Far beyond any data, where no other program locks: "blockplg".
inline constexpr ByteRange kDaemonByte{0x626C6F636B706C67, 0x626C6F636B706C67};
// QEMU's file-posix.c locks byte 100 + n while it uses permission n, and 200 + n while it does not share permission n.
inline constexpr std::array<ByteRange, 1> kAnyQemu{{{100, 300}}};
// The bytes that conflict with a reader: writing or resizing is in use, or reading is not shared.
inline constexpr std::array<ByteRange, 2> kWritingQemu{{{101, 103}, {200, 200}}};
inline std::span<const ByteRange> qemu_bytes_against(Access access) {
  if (access == Access::ReadWrite) return kAnyQemu;
  return kWritingQemu;
}

// Exclusive for ReadWrite (the descriptor must be open for writing), shared for ReadOnly. False: another holder has it.
Result<bool> take_daemon_lock(int fd, Access access);
// Call before closing: otherwise a child that was forked but has not called exec yet keeps the lock.
void release_daemon_lock(int fd);
// Would take_daemon_lock succeed? Changes nothing.
Result<bool> may_take_daemon_lock(int fd, Access access);
// Is one of these bytes locked through another descriptor?
Result<bool> has_foreign_lock(int fd, std::span<const ByteRange> ranges);

}  // namespace blockplug::local
