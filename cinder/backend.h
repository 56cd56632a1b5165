// SPDX-License-Identifier: Apache-2.0
#pragma once
// The Cinder backend: volumes of one project. A volume's id is "<backend>/<uuid>"; where it is asked for by a name that only one
// volume of the project has, that one is taken. Volumes that Blockplug created are marked in their metadata; any volume can be
// attached, grown, copied and snapshotted, but only marked ones are listed, and deleted by a name.
//
// Made by the composition root; find, list and perform run on any worker thread. It attaches nothing: that starts with Reserve.
#include <functional>
#include <string>
#include <vector>

#include "attach-detach/backend.h"
#include "cinder/api.h"

namespace blockplug::cinder {

inline constexpr std::int64_t kGib = std::int64_t{1} << 30;
std::int64_t gib_for(std::int64_t size_bytes);  // rounded up: Cinder's sizes are whole GiB

bool is_uuid(const std::string& text);  // as Cinder writes it: small letters

class CinderBackend final : public Backend {
 public:
  // Where the images are stored.
  struct Image {
    std::string pool, name;  // no pool: the usual one
  };
  struct Storage {
    std::function<Result<Facts>(const OrderCall& call, const Image& image)> fence;
    std::function<Result<VolumeInfo>(const Image& image)> look;  // who holds it, and who has it open
  };
  CinderBackend(Session& session, std::string name, Storage storage)
      : api_(session), name_(std::move(name)), storage_(std::move(storage)) {}

  Attempt perform(const OrderCall& call) override;
  // Its id is always that with the uuid. Details are Cinder's own words: "name", "status", "type", "zone", "attachment …".
  Result<VolumeInfo> find(const VolumeId& volume) override;
  Result<std::vector<VolumeInfo>> list() override;
  Result<std::vector<SnapshotInfo>> snapshots(const VolumeId& volume) override;
  Status check_name(const std::string& name) const override;
  bool is_id(const std::string& name) const override { return is_uuid(name); }
  bool chooses_ids() const override { return true; }
  Status takes_limits() const override {
    return no_effect(Code::InvalidArgument,
                     "a Cinder volume has the limits of its type; change that with `openstack volume set --type`");
  }
  Status takes_types() const override { return Ok{}; }
  std::int64_t size_step() const override { return std::int64_t{1} << 30; }
  std::vector<BackendCheck> check() override;  // logs in, and lists volumes

 private:
  Result<Volume> volume_of(const std::string& id_or_name, const Patience& patience);
  Result<Snapshot> snapshot_of(const std::string& volume, const std::string& name, const Patience& patience);
  Result<NewVolume> wanted_volume(const OrderCall& call);
  Attempt create(const OrderCall& call);
  Attempt join(const OrderCall& call, const std::vector<Volume>& others, const std::vector<Volume>& marked);
  Attempt make(const OrderCall& call);
  Attempt created(const OrderCall& call, const std::vector<Volume>& marked);
  Result<Facts> victims_of(const OrderCall& call, const Patience& patience);
  Attempt fence(const OrderCall& call);
  Attempt resize(const OrderCall& call);
  Attempt remove(const OrderCall& call);
  Attempt snapshot(const OrderCall& call);
  Attempt remove_snapshot(const OrderCall& call, const std::string& volume, const std::string& name);
  VolumeInfo info_of(const Volume& volume) const;
  void add_holders(VolumeInfo& info, const Volume& volume, const Patience& patience);
  Image image_of(const Volume& volume, const std::vector<Attachment>& attachments, const Patience& patience);

  Api api_;
  const std::string name_;
  const Storage storage_;
};

}  // namespace blockplug::cinder
