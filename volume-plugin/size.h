// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sizes of volumes: parsing, formatting, validation. Pure functions; the door and every backend apply the same rule.
#include <cstdint>
#include <string>
#include <string_view>

#include "attach-detach/outcome.h"

namespace blockplug {

inline constexpr std::int64_t kSectorBytes = 512;
// The largest image that QEMU opens: 2^63 bytes, rounded down to a whole GiB below it (BDRV_MAX_LENGTH).
inline constexpr std::int64_t kMaxSizeBytes = INT64_MAX - ((std::int64_t{1} << 30) - 1);

// Is this a valid volume size? More than 0, whole sectors (InvalidArgument), at most kMaxSizeBytes (OutOfRange).
Status check_size(std::int64_t size_bytes);

// "1GiB", "512MiB", "10Ki" (powers of 1024), "1G", "1GB" (powers of 1000), "4096", "4096B". Parses only; check_size validates.
// Limits in bytes per second are parsed with it too.
Result<std::int64_t> parse_size(std::string_view text);

// The shortest exact text: "1GiB", "1536MiB", "1000000000B". parse_size reads it back.
std::string format_size(std::int64_t size_bytes);

// For display only: at most four digits, rounded down, such as "247GiB".
std::string format_size_roughly(std::int64_t size_bytes);

}  // namespace blockplug
