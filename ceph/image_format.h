// SPDX-License-Identifier: Apache-2.0
#pragma once
// What RBD images say of their formatting, and whether anything was ever written into them. The image is the one of the call, so
// this serves volumes whose images have other names than they.
//
// Made by the composition root; thread-safe.
#include "ceph/cluster.h"
#include "ceph/image_ref.h"
#include "hotplug/format_records.h"

namespace blockplug::rbd {

class ImageFormat final : public FormatRecords {
 public:
  ImageFormat(Cluster& cluster, Place place) : cluster_(cluster), place_(std::move(place)) {}
  Result<FormatRecord> format_of(const Call& call) override;
  Status set_format(const Call& call, const FormatRecord& record) override;
  Result<bool> is_never_written(const Call& call) override;

 private:
  Cluster& cluster_;
  const Place place_;
};

}  // namespace blockplug::rbd
