// SPDX-License-Identifier: Apache-2.0
#pragma once
// Open-file-description locks on a volume's file: the one of blockplug daemons, and a look at QEMU's.
//
// Only OFD locks: a POSIX lock would be lost as soon as any descriptor of the file is closed anywhere in the process. They die
// with their descriptor, so with the daemon. Free functions on a descriptor; any thread.
#include <array>
#include <cstdint>
#include <span>

#include "attach-detach/outcome.h"
#include "attach-detach/rung.h"

namespace blockplug::local {

struct ByteRange {
  std::int64_t first{}, last{};
};

// Far beyond any data, where nobody else locks: "blockplg".
inline constexpr ByteRange kDaemonByte{0x626C6F636B706C67, 0x626C6F636B706C67};
// QEMU's file-posix.c locks byte 100 + n while it uses permission n, and 200 + n while it shares permission n with nobody.
inline constexpr std::array<ByteRange, 1> kAnyQemu{{{100, 300}}};
// Of these, what is in the way of one who only reads: somebody writes or resizes, or does not share reading.
inline constexpr std::array<ByteRange, 2> kWritingQemu{{{101, 103}, {200, 200}}};
inline std::span<const ByteRange> qemu_bytes_against(Access access) {
  if (access == Access::ReadWrite) return kAnyQemu;
  return kWritingQemu;
}

// Exclusive for ReadWrite (the descriptor must be open for writing), shared for ReadOnly. False: somebody else has it.
Result<bool> take_daemon_lock(int fd, Access access);
// To be called before closing: a child that was just forked, and did not exec yet, would keep the lock otherwise.
void release_daemon_lock(int fd);
// Would take_daemon_lock succeed? Changes nothing.
Result<bool> may_take_daemon_lock(int fd, Access access);
// Does anybody hold one of these bytes through another descriptor?
Result<bool> has_foreign_lock(int fd, std::span<const ByteRange> ranges);

}  // namespace blockplug::local
