// SPDX-License-Identifier: Apache-2.0
#pragma once
// The embedded backend: volumes are sparse raw files in a directory of this host.
//
// Made by the composition root; find, list and perform run on any worker thread (it keeps no state but the directory). It does
// not attach anything: holds are LocalHold's, and it only asks the file's locks before it deletes. Snapshots, clones and fences
// it has none.
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
  // `name` is the backend's in the configuration. Makes the directory where missing, sweeps what a crashed create left there.
  static Result<std::unique_ptr<LocalBackend>> open(std::string name, const std::filesystem::path& path);

  Attempt perform(const OrderCall& call) override;
  Result<VolumeInfo> find(const VolumeId& volume) override;
  Result<std::vector<VolumeInfo>> list() override;                            // sorted; foreign files are not volumes
  Result<std::vector<SnapshotInfo>> snapshots(const VolumeId& volume) override;  // there are none
  Status check_name(const std::string& name) const override;
  // The record is an extended attribute of the file: it goes with the file, and comes with a copy made by `cp -a` as root.
  Result<FormatRecord> format_of(const VolumeId& volume) override;
  Status set_format(const VolumeId& volume, const FormatRecord& record) override;
  Result<bool> is_never_written(const VolumeId& volume) override;

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

  std::string name_;
  std::unique_ptr<VolumeDirectory> directory_;
};

}  // namespace blockplug::local
