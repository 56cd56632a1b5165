// SPDX-License-Identifier: Apache-2.0
#include "hotplug/contents.h"

#include <blkid/blkid.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <system_error>

namespace blockplug {
namespace {
constexpr std::int64_t kMebibyte = 1 << 20;
constexpr std::int64_t kHeadBytes = 4 * kMebibyte, kTailBytes = kMebibyte;
constexpr std::int64_t kAlignment = 4096;  // of buffers and offsets: enough for O_DIRECT on any device

struct Freer {
  void operator()(char* memory) const { std::free(memory); }  // NOLINT(cppcoreguidelines-no-malloc): from aligned_alloc
  void operator()(blkid_struct_probe* probe) const { blkid_free_probe(probe); }
};
using Buffer = std::unique_ptr<char, Freer>;
using Probe = std::unique_ptr<blkid_struct_probe, Freer>;

Error unreadable(const std::string& where, int error) {
  return no_effect(Code::Unavailable,
                   "it cannot be read" + (where.empty() ? "" : " " + where) + ": " + std::generic_category().message(error));
}

Result<std::int64_t> size_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return unreadable("", errno);
  auto bytes = static_cast<std::uint64_t>(status.st_size);
  if (S_ISBLK(status.st_mode) && ::ioctl(fd, BLKGETSIZE64, &bytes) != 0) return unreadable("at all", errno);
  if (bytes == 0) return no_effect(Code::Unavailable, "its size is 0: the device does not exist yet, or no longer");
  return static_cast<std::int64_t>(bytes);
}

// Reads from the disk and not from the page cache, if the kernel supports it.
class Reader {
 public:
  Reader(int fd, std::int64_t size_bytes)
      : fd_(fd),
        direct_(::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC)),
        size_bytes_(size_bytes),
        buffer_(static_cast<char*>(std::aligned_alloc(kAlignment, kMebibyte))) {}
  ~Reader() {
    if (direct_ >= 0) ::close(direct_);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // `offset` is aligned. Reads every byte up to the end of the range, or of the device; the result says whether all are
  // zero.
  Result<bool> is_zero(std::int64_t offset, std::int64_t end) {
    end = std::min(end, size_bytes_);
    while (offset < end) {
      const auto wanted = std::min(kMebibyte, end - offset);
      TRY(read(offset, wanted));
      const char* bytes = buffer_.get();
      if (bytes[0] != 0 || std::memcmp(bytes, bytes + 1, static_cast<std::size_t>(wanted) - 1) != 0) return false;
      offset += wanted;
    }
    return true;
  }

  // The first 4 KiB, padded with zeros.
  Result<std::array<unsigned char, 4096>> superblock() {
    std::array<unsigned char, 4096> bytes{};
    const auto wanted = std::min<std::int64_t>(bytes.size(), size_bytes_);
    TRY(read(0, wanted));
    std::memcpy(bytes.data(), buffer_.get(), static_cast<std::size_t>(wanted));
    return bytes;
  }

 private:
  // A short read is an error: the device is smaller than it reported.
  Status read(std::int64_t offset, std::int64_t wanted) {
    const auto aligned = (wanted + kAlignment - 1) / kAlignment * kAlignment;
    auto got = direct_ >= 0 ? ::pread(direct_, buffer_.get(), static_cast<std::size_t>(aligned), offset) : -1;
    if (got < wanted && (direct_ < 0 || got >= 0 || errno == EINVAL))  // EINVAL: no direct I/O, or another alignment
      got = ::pread(fd_, buffer_.get(), static_cast<std::size_t>(wanted), offset);
    if (got < 0) return unreadable("at byte " + std::to_string(offset), errno);
    if (got < wanted) return unreadable("at byte " + std::to_string(offset + got) + " of " + std::to_string(size_bytes_), EIO);
    return Ok{};
  }

  const int fd_, direct_;
  const std::int64_t size_bytes_;
  const Buffer buffer_;
};

std::string value_of(const Probe& probe, const char* name) {
  const char* value = nullptr;
  return blkid_probe_lookup_value(probe.get(), name, &value, nullptr) == 0 && value != nullptr ? value : std::string{};
}

std::string with_article(const std::string& type) {
  const bool is_vowel = !type.empty() && (std::strchr("aeio", type[0]) != nullptr || type[0] == 'x');  // "an ext4", "an xfs"
  return (is_vowel ? "an " : "a ") + type;
}

// Sets the kind from libblkid's findings. `kind` stays Blank if there are none.
Contents judge(const Probe& probe) {
  const auto type = value_of(probe, "TYPE"), table = value_of(probe, "PTTYPE"), usage = value_of(probe, "USAGE");
  Contents contents{.kind = Contents::Kind::Other, .has_signature = true};
  if (!table.empty()) {
    contents.what =
        "a partition table (" + table + ")" + (type.empty() ? std::string{} : " and " + with_article(type) + " signature");
  } else if (usage == "filesystem") {
    contents.kind = Contents::Kind::Filesystem;
    contents.filesystem = type;
    contents.uuid = value_of(probe, "UUID");
    contents.what = with_article(type) + " file system";
  } else if (!type.empty()) {
    contents.what = with_article(type) + " signature" + (usage.empty() ? std::string{} : " (" + usage + ")");
  } else {
    contents.what = "an unknown signature";
  }
  return contents;
}

Result<Contents> ask_libblkid(int fd) {
  const Probe probe{blkid_new_probe()};
  if (!probe) return unreadable("by libblkid", ENOMEM);
  errno = 0;
  if (blkid_probe_set_device(probe.get(), fd, 0, 0) != 0) return unreadable("by libblkid", errno == 0 ? EIO : errno);
  blkid_probe_enable_superblocks(probe.get(), 1);
  blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID | BLKID_SUBLKS_USAGE | BLKID_SUBLKS_MAGIC);
  blkid_probe_enable_partitions(probe.get(), 1);
  blkid_probe_set_partitions_flags(probe.get(), BLKID_PARTS_MAGIC | BLKID_PARTS_FORCE_GPT);
  errno = 0;
  const int found = blkid_do_safeprobe(probe.get());
  if (found == 0) return judge(probe);
  if (found == 1) return Contents{.what = "nothing"};
  if (found == -2) return Contents{.kind = Contents::Kind::Other, .has_signature = true, .what = "several conflicting signatures"};
  return unreadable("by libblkid", errno == 0 ? EIO : errno);
}

std::uint64_t little(const unsigned char* at, int bytes) {
  std::uint64_t value = 0;
  for (int index = bytes; index-- > 0;) value = value << 8 | at[index];
  return value;
}

std::uint64_t big(const unsigned char* at, int bytes) {
  std::uint64_t value = 0;
  for (int index = 0; index < bytes; ++index) value = value << 8 | at[index];
  return value;
}

// kernel Documentation/filesystems/ext4/super.rst. The superblock was checked by libblkid.
void read_ext4(const unsigned char* superblock, Contents& contents) {
  constexpr std::uint64_t kValid = 1, kErrors = 2, kNeedsRecovery = 4, k64Bit = 0x80;
  const auto incompatible = little(superblock + 0x60, 4);
  auto blocks = little(superblock + 0x4, 4);
  if ((incompatible & k64Bit) != 0) blocks |= little(superblock + 0x150, 4) << 32;
  contents.block_bytes = std::int64_t{1024} << (little(superblock + 0x18, 4) & 0xf);
  contents.size_bytes = static_cast<std::int64_t>(blocks) * contents.block_bytes;
  contents.is_clean = (little(superblock + 0x3a, 2) & (kValid | kErrors)) == kValid && (incompatible & kNeedsRecovery) == 0;
  contents.rare_features = ext4_features(superblock);
  contents.was_mounted =
      little(superblock + 0x2c, 4) != 0 || little(superblock + 0x34, 2) != 0;  // time of the last mount, mount count
}

// struct xfs_dsb, kernel fs/xfs/libxfs/xfs_format.h.
void read_xfs(const unsigned char* superblock, Contents& contents) {
  contents.block_bytes = static_cast<std::int64_t>(big(superblock + 4, 4));
  contents.size_bytes = static_cast<std::int64_t>(big(superblock + 8, 8)) * contents.block_bytes;
  contents.rare_features = xfs_features(superblock);
  contents.was_mounted = superblock[126] == 0;  // sb_inprogress: mkfs.xfs clears it last of all
}

// libblkid makes dozens of small reads at both ends: one prefetch waits for the device only once.
void read_ahead(int fd, std::int64_t size_bytes) {
  constexpr std::int64_t kStartBytes = 528 << 10, kEndBytes = 600 << 10;
  ::posix_fadvise(fd, 0, kStartBytes, POSIX_FADV_WILLNEED);
  ::posix_fadvise(fd, std::max<std::int64_t>(0, size_bytes - kEndBytes), kEndBytes, POSIX_FADV_WILLNEED);
}
}  // namespace

Result<Contents> contents_of(int fd) {
  const auto size_bytes = TRY(size_of(fd));
  read_ahead(fd, size_bytes);
  auto contents = TRY(ask_libblkid(fd));
  contents.device_bytes = size_bytes;
  Reader reader{fd, size_bytes};
  if (contents.kind == Contents::Kind::Filesystem) {
    const auto start = TRY(reader.superblock());
    if (contents.filesystem == "ext4") read_ext4(start.data() + 1024, contents);
    if (contents.filesystem == "xfs") read_xfs(start.data(), contents);
  }
  if (contents.kind != Contents::Kind::Blank) return contents;
  const auto tail = std::max<std::int64_t>(0, size_bytes - kTailBytes) / kAlignment * kAlignment;
  const bool is_head_zero = TRY(reader.is_zero(0, kHeadBytes));
  const bool is_tail_zero = TRY(reader.is_zero(tail, size_bytes));
  if (is_head_zero && is_tail_zero) return contents;
  contents.kind = Contents::Kind::Other;
  contents.what = "unrecognised data";
  return contents;
}

}  // namespace blockplug
