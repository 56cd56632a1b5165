// SPDX-License-Identifier: Apache-2.0
#pragma once
// The embedded backend: volumes are sparse raw files in a directory of this host.
//
// Made by the composition root; find, list and perform run on any worker thread (the only state is the directory). It attaches
// nothing: LocalHold makes holds, the backend only checks the file's locks before it deletes. It does not support snapshots, clones
// or fences.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "attach-detach/backend.h"
#include "attach-detach/volume_limits.h"
#include "hotplug/format_records.h"
#include "volume-plugin/local/directory.h"

namespace blockplug::local {

class LocalBackend final : public Backend, public FormatRecords {
 public:
  // `name`: the backend's name in the configuration. Creates the directory if missing, and removes what a crashed create left
  // there.
  static Result<std::unique_ptr<LocalBackend>> open(std::string name, const std::filesystem::path& path);

  Attempt perform(const OrderCall& call) override;
  Result<VolumeInfo> find(const VolumeId& volume) override;
  Result<std::vector<VolumeInfo>> list() override;                               // sorted; foreign files are not volumes
  Result<std::vector<SnapshotInfo>> snapshots(const VolumeId& volume) override;  // always empty
  Status check_name(const std::string& name) const override;
  bool is_of_this_machine() const override { return true; }
  bool has_snapshots() const override { return false; }
  Result<std::int64_t> available_bytes() override;  // of the directory's file system; volumes take room as they are written
  // The record is an extended attribute of the file: it is deleted with the file, and `cp -a` as root copies it.
  Result<FormatRecord> format_of(const Call& call) override;
  Status set_format(const Call& call, const FormatRecord& record) override;
  Result<bool> is_never_written(const Call& call) override;

  const VolumeDirectory& directory() const { return *directory_; }

 private:
  LocalBackend(std::string name, std::unique_ptr<VolumeDirectory> directory)
      : name_(std::move(name)), directory_(std::move(directory)) {}
  Result<Facts> create(const Order& order);
  Result<Facts> resize(const Order& order);
  Result<Facts> modify(const Order& order);
  Result<Facts> remove(const Order& order);
  Result<VolumeLimits> limits_of(const VolumeFile& file, const std::string& path) const;
  VolumeInfo info_of(const VolumeId& volume, const VolumeFile& file) const;  // without its limits
  Status check_room(std::int64_t size_bytes) const;
  Status keep_callers_name(const Order& order, const VolumeFile& file) const;
  static std::string callers_name_of(const VolumeFile& file);  // empty: none

  std::string name_;
  std::unique_ptr<VolumeDirectory> directory_;
};

}  // namespace blockplug::local
