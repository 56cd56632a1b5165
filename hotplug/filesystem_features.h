// SPDX-License-Identifier: Apache-2.0
#pragma once
// Why does a kernel refuse to mount a file system that is not damaged? mount(2) says "Invalid argument" alone; the superblock says
// which features the file system has that kernels or their builds lack, and how large its blocks are.
#include <string>

namespace blockplug {

struct Contents;

// Features that not every supported kernel (5.4 and later, however it was built) knows, by the names that dumpe2fs and xfs_info
// use; one without a name here as "FEATURE_I20" (incompatible) or "FEATURE_R20" (read-only compatible).
struct RareFeatures {
  std::string of_any_mount;  // "casefold, FEATURE_I20"; empty: none. A kernel that lacks one of these mounts it in no way
  std::string of_writing;    // a kernel that lacks one of these still mounts it read-only
};
RareFeatures ext4_features(const unsigned char* superblock);  // of 1024 bytes
RareFeatures xfs_features(const unsigned char* superblock);   // of 512 bytes

// What explains a mount that was refused as invalid: "its ext4 file system has features that …"; empty: nothing in the superblock.
// `kernel`: "this kernel", "the guest's kernel".
enum class MountedFor { Reading, Writing };
std::string why_refused(const Contents& contents, const std::string& kernel, MountedFor mounted_for);

// Is this the output of an e2fsck or resize2fs that is too old for the file system? It exits like one that found damage.
bool says_unsupported(const std::string& output);

}  // namespace blockplug
