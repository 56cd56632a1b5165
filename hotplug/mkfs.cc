// SPDX-License-Identifier: Apache-2.0
#include "hotplug/mkfs.h"

#include <algorithm>

namespace blockplug::mkfs {
namespace {
constexpr std::int64_t kMebibyte = 1 << 20;

struct Kind {
  const char* name;
  const char* package;
  std::int64_t least_mebibytes;
  const char* whose_limit;
  const char* otherwise;
  std::vector<std::string> (*options)(const std::string& uuid, mkfs::Over over, const std::string& answer);
  const char* force;
};

// The whole list, as of Debian 12's mke2fs: `none` takes away what a newer mke2fs or /etc/mke2fs.conf adds (orphan_file,
// metadata_csum_seed). "^orphan_file" would not do: an mke2fs before 1.47 refuses a name that it does not know. All of these are
// known since e2fsprogs 1.43 and Linux 3.6.
constexpr const char* kExt4Features =
    "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink,"
    "extra_isize,metadata_csum";

// Of xfs, bigtime and inobtcount stay as mkfs.xfs has them (on since Debian 12's 6.1; Linux 5.10 mounts them). What came later is
// off there, and on in later ones: nrext64 (Linux 5.19), exchange and parent (6.10), metadir (6.13). An mkfs.xfs refuses an option
// that it does not know, and its usage text lists those that it knows.
struct XfsOption {
  const char* group;
  const char* name;
};
constexpr XfsOption kXfsNewOptions[] = {{"-i", "nrext64"}, {"-i", "exchange"}, {"-n", "parent"}, {"-m", "metadir"}};

const Kind kKinds[] = {
    {.name = "ext4",
     .package = "e2fsprogs",
     .least_mebibytes = 1,
     .whose_limit = "",
     .otherwise = "",
     .options =
         [](const std::string& uuid, mkfs::Over over, const std::string&) {
           const bool is_all_zeros = over == mkfs::Over::Unwritten;  // then the journal, up to 1 GiB, need not be cleared
           return std::vector<std::string>{
               "-m0", "-U", uuid, "-E", is_all_zeros ? "nodiscard,lazy_journal_init=1" : "nodiscard", "-O", kExt4Features};
         },
     .force = "-F"},
    {.name = "xfs",
     .package = "xfsprogs",
     .least_mebibytes = 300,
     .whose_limit = " (mkfs.xfs's own limit)",
     .otherwise = ", or use ext4",
     .options =
         [](const std::string& uuid, mkfs::Over, const std::string& answer) {
           std::vector<std::string> options{"-K", "-m", "uuid=" + uuid};
           for (const auto& [group, name] : kXfsNewOptions) {
             if (answer.find(std::string(name) + "=") == std::string::npos) continue;
             options.emplace_back(group);
             options.emplace_back(std::string(name) + "=0");
           }
           return options;
         },
     .force = "-f"},
};

const Kind& kind_of(const std::string& filesystem) {
  const auto* found = std::ranges::find(kKinds, filesystem, &Kind::name);
  CHECK(found != std::end(kKinds));
  return *found;
}
}  // namespace

bool is_known(const std::string& filesystem) {
  return std::ranges::any_of(kKinds, [&](const Kind& kind) { return kind.name == filesystem; });
}

Status check_known(const std::string& filesystem) {
  if (is_known(filesystem)) return Ok{};
  return no_effect(Code::InvalidArgument, "'" + filesystem + "' is not supported: use ext4 or xfs");
}

std::string package_of(const std::string& filesystem) { return kind_of(filesystem).package; }

std::int64_t least_bytes(const std::string& filesystem) {
  return is_known(filesystem) ? kind_of(filesystem).least_mebibytes * kMebibyte : 0;
}

Status check_size(const std::string& filesystem, std::int64_t size_bytes) {
  TRY(check_known(filesystem));
  const auto& kind = kind_of(filesystem);
  if (size_bytes >= kind.least_mebibytes * kMebibyte) return Ok{};
  const auto size =
      size_bytes % kMebibyte == 0 ? std::to_string(size_bytes / kMebibyte) + " MiB" : std::to_string(size_bytes) + " bytes";
  return no_effect(Code::InvalidArgument, "an " + filesystem + " file system needs at least " +
                                              std::to_string(kind.least_mebibytes) + " MiB" + kind.whose_limit +
                                              "; the volume has " + size + ": expand it" + kind.otherwise);
}

int ending_signal(int exit_status) {
  constexpr int kSignals = 128, kLastSignal = 64;
  return exit_status > kSignals && exit_status <= kSignals + kLastSignal ? exit_status - kSignals : 0;
}

std::vector<std::string> question(const std::string& filesystem) {
  if (filesystem == "xfs") return {"mkfs.xfs"};  // without a device: its usage
  return {"mkfs." + filesystem, "-V"};
}

std::vector<std::string> command(const std::string& filesystem, const std::string& uuid, const std::string& device, Over over,
                                 const std::string& answer) {
  const auto& kind = kind_of(filesystem);
  std::vector<std::string> words{"mkfs." + filesystem, "-q"};
  for (auto& option : kind.options(uuid, over, answer)) words.push_back(std::move(option));
  if (over == Over::OwnRemains) words.emplace_back(kind.force);
  words.push_back(device);
  return words;
}

}  // namespace blockplug::mkfs
