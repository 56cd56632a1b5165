// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/check.h"
#include "ceph/backend.h"
#include "ceph/fence.h"
#include "cinder/backend.h"
#include "cinder/confirm.h"
#include "cinder/connect.h"
#include "cinder/readings.h"
#include "cinder/reserve.h"
#include "cinder/session.h"
#include "hotplug/hash_text.h"
#include "hotplug/host/text_file.h"
#include "volume-plugin/daemon/backend_parts.h"
#include "volume-plugin/daemon/config_values.h"
#include "volume-plugin/daemon/rbd_rungs.h"
#include "volume-plugin/daemon/rung_plans.h"

namespace blockplug {
namespace {

using Configs = std::map<std::string, BackendConfig>;

// The rbd backends whose connection to Ceph may be meant: the configured one, or all.
std::vector<const BackendConfig*> storages(const BackendConfig& config, const Configs& all) {
  const auto wanted = config.one("ceph");
  std::vector<const BackendConfig*> found;
  for (const auto& [name, each] : all)
    if (each.type == "rbd" && (wanted.empty() || name == wanted)) found.push_back(&each);
  return found;
}

std::optional<BackendKind::Fault> check_storage(const BackendConfig& config, const Configs& all) {
  const auto found = storages(config, all).size();
  if (found == 1) return std::nullopt;
  std::string known;
  for (const auto& [name, each] : all)
    if (each.type == "rbd") known += (known.empty() ? "" : " or ") + name;
  if (known.empty()) known = "the name of a backend of type rbd, which is to be added: its connection reaches the volumes' Ceph";
  const auto wanted = config.one("ceph");
  return BackendKind::Fault{"ceph", (wanted.empty() ? "is missing" : "is '" + wanted + "'") + "; it must be " + known};
}

struct Cloud {
  explicit Cloud(const std::string& name) : session(cinder::CloudFiles(name)), api(session), readings(api) {}
  cinder::Session session;
  cinder::Api api;
  cinder::Readings readings;
};

cinder::CinderBackend::Storage storage_of(const RbdStorage& stored, const std::string& node) {
  const auto place_of = [place = stored.place](const cinder::CinderBackend::Image& image) {
    return rbd::Place{place.backend, image.pool.empty() ? place.pool : image.pool};
  };
  return {.fence =
              [cluster = stored.cluster, place_of, node](const OrderCall& call, const cinder::CinderBackend::Image& image) {
                const auto place = place_of(image);
                return rbd::Fence{*cluster, {place.pool, place.name_space, image.name}, node}.perform(call);
              },
          .look =
              [cluster = stored.cluster, place_of, node](const cinder::CinderBackend::Image& image) {
                const auto place = place_of(image);
                return rbd::RbdBackend(*cluster, place, node).find(VolumeId(place.backend + "/" + image.name));
              }};
}

// Not the machine's id itself, which must not be published (machine-id(5)).
std::string daemon_id(const std::string& backend, const SharedParts& shared) {
  const auto machine = first_line_of("/etc/machine-id");
  constexpr std::size_t kEnough = 13;
  return backend + "." + hash_text(machine + " " + shared.state_dir).substr(0, kEnough);
}

// Nothing here contacts the cloud: the daemon starts even if it does not answer.
Result<BackendParts> make_cinder(const std::string& name, const BackendConfig& config, SharedParts& shared) {
  BackendParts parts;
  parts.name = name;
  const auto found = storages(config, shared.configs);
  CHECK(found.size() == 1);  // see check_storage
  auto stored = TRY(rbd_storage(name, *found.front(), shared));
  stored.place.name_space.clear();  // Cinder does not use any
  auto cloud = std::make_shared<Cloud>(config.one("cloud"));
  parts.kept.push_back(cloud);
  parts.backend = std::make_unique<cinder::CinderBackend>(cloud->session, name, storage_of(stored, shared.node));
  if (!shared.machine) return parts;
  const auto reserve = plans::reserve(add(parts, std::make_unique<cinder::Reserve>(cinder::Reserve::Parts{
                                                     cloud->api, cloud->readings, name, shared.node, daemon_id(name, shared)})));
  const auto connect = plans::connect(add(parts, std::make_unique<cinder::Connect>(cinder::Connect::Parts{
                                                     cloud->api, cloud->readings, shared.machine->events, shared.node})));
  const auto confirm = plans::confirm(add(parts, std::make_unique<cinder::Confirm>(cloud->api, cloud->readings)));
  const auto rungs = TRY(add_rbd_rungs(parts, stored, rbd::LimitsOfImage::DoNotCount, shared));
  parts.ladders["vm"] = {{rungs.hand_over, reserve, connect, rungs.hold, rungs.open, rungs.own, rungs.plug, confirm},
                         {rungs.guest_mount}};
  parts.ladders["host"] = {
      {reserve, connect, rungs.hold, rungs.map, rungs.own, confirm, rungs.stage}, {rungs.publish}, cinder::kConfirm};
  return parts;
}

Result<std::string> read_cloud(const std::string& text) {
  if (text.empty()) return no_effect(Code::InvalidArgument, "it must not be empty");
  return text;
}

Result<std::string> read_backend_name(const std::string& text) {
  TRY(check_backend_name(text));
  return text;
}

}  // namespace

BackendKind cinder_kind() {
  return {.type = "cinder",
          .keys = {{.name = "cloud", .read = read_cloud},         // in clouds.yaml; none: OS_CLOUD, or the OS_* variables
                   {.name = "ceph", .read = read_backend_name}},  // the rbd backend whose connection is used; none: the only one
          .make = make_cinder,
          .check_among = check_storage};
}

}  // namespace blockplug
