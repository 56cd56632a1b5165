// SPDX-License-Identifier: Apache-2.0
#include "ceph/rbd_source.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "attach-detach/json_depth.h"
#include "ceph/arguments.h"
#include "ceph/connection.h"
#include "ceph/header.h"
#include "ceph/hold_update.h"
#include "hotplug/vm/names.h"
#include "hotplug/vm/throttled_node.h"

namespace blockplug::rbd {
namespace {
using Json = nlohmann::json;
constexpr std::chrono::seconds kAnswerLimit{2};  // a healthy cluster answers in milliseconds

// QEMU connects in its main loop, which blocks the whole VM, so the time limits are short. No log files.
std::string conf_text(std::chrono::milliseconds osd_op_timeout) {
  return "[global]\nclient_mount_timeout = 5\nrados_mon_op_timeout = 5\nrados_osd_op_timeout = " +
         std::to_string(std::chrono::ceil<std::chrono::seconds>(osd_op_timeout).count()) +
         "\nlog_file =\nlog_to_stderr = false\nerr_to_stderr = false\nadmin_socket =\n";
}

bool has(const Json& object, const char* name, const std::string& value) {
  const auto found = object.find(name);
  return found == object.end() ? value.empty() : *found == value;
}
}  // namespace

Result<std::unique_ptr<RbdSource>> RbdSource::make(Parts parts) {
  const auto conf = parts.run_dir / ("ceph-" + parts.place.backend + ".conf");
  const auto fresh = conf.native() + ".new";
  std::error_code failed;
  std::filesystem::create_directories(parts.run_dir, failed);
  std::ofstream file{fresh, std::ios::trunc};
  file << conf_text(parts.osd_op_timeout) << std::flush;
  if (file) std::filesystem::permissions(fresh, std::filesystem::perms{0644}, failed);  // has no key; QEMU may run as any user
  if (file && !failed) std::filesystem::rename(fresh, conf, failed);
  if (!file || failed)
    return no_effect(Code::Unavailable, "cannot write QEMU's configuration " + conf.native() + ": " + failed.message());
  return std::unique_ptr<RbdSource>(new RbdSource(std::move(parts), conf));
}

// If a client of ours is already a watcher, nothing new is opened: the node only needs a resize.
Result<std::int64_t> RbdSource::announce(const Call& call) {
  const auto image = image_for(call);
  auto pool = TRY(open_pool(parts_.cluster, image));
  // The client opens by name, the hold is for the image.
  if (TRY(find_image(pool, image.name)) != image.id)
    return no_effect(
        Code::FailedPrecondition,
        "image " + image_name(image) +
            " is not the held image, another one was created under its name: detach the volume, or restore the held image");
  const auto held = TRY(update_hold(pool, image.id, [&](const HoldRecord& now, const Header& header) -> Result<HoldRecord> {
    auto record = now;
    auto* ours = find_holder(record, self(*pool.connection, parts_.node), call.key);
    if (ours == nullptr || record.fences(*ours))
      return no_effect(Code::FailedPrecondition,
                       "the hold of " + call.key.volume.str() + " is lost: the image was fenced from this node");
    const bool is_open = std::ranges::any_of(ours->clients, [&](const Client& client) {
      return !is_proven_dead(*ours, client) && std::ranges::count(header.watchers, client.address) > 0;  // one that died may linger
    });
    ours->may_be_opening = ours->may_be_opening || !is_open;
    return record;
  }));
  return held.header.size_bytes;
}

Result<NodeRecipe> RbdSource::recipe(const Call& call) {
  NodeRecipe recipe;
  const auto key = TRY(parts_.cluster.key());
  Json servers = Json::array();
  for (const auto& monitor : TRY(parts_.cluster.monitors())) servers.push_back({{"host", monitor.host}, {"port", monitor.port}});
  recipe.size_bytes = TRY(announce(call));  // last: QEMU would truncate the image to this size
  const auto secret = secret_name(call.key.volume);
  const auto image = image_for(call);
  Json file{{"driver", "rbd"},
            {"pool", image.pool},
            {"image", image.name},
            {"user", parts_.cluster.user()},
            {"key-secret", secret},
            {"auth-client-required", {"cephx"}},
            {"server", std::move(servers)},
            {"conf", conf_.native()},
            {"cache", {{"direct", true}, {"no-flush", false}}},
            {"discard", "unmap"}};
  if (!image.name_space.empty()) file["namespace"] = image.name_space;
  recipe.file_json = file.dump();
  recipe.driver_package = "qemu-block-extra";
  recipe.passes_trim = passes_trim(limits_of(call.spec));
  recipe.objects_json.push_back(Json{{"qom-type", "secret"}, {"id", secret}, {"data", key.reveal()}, {"format", "base64"}}.dump());
  return recipe;
}

ImageRef RbdSource::image_for(const Call& call) {
  auto image = image_ref(call, parts_.place);
  const std::lock_guard guard{mutex_};
  if (image.pool == parts_.place.pool && image.name_space == parts_.place.name_space && image.name == name_of(call.key.volume))
    elsewhere_.erase(call.key.volume);
  else
    elsewhere_[call.key.volume] = image;
  return image;
}

Status RbdSource::answers(const Call& call) { return answers(image_for(call)); }

Status RbdSource::answers(const VolumeId& volume) {
  auto image = image_ref(volume, parts_.place);
  {
    const std::lock_guard guard{mutex_};
    if (const auto found = elsewhere_.find(volume); found != elsewhere_.end()) image = found->second;
  }
  return answers(image);
}

Status RbdSource::answers(const ImageRef& image) {
  const auto asked = [&]() -> Status {
    auto pool = TRY(open_pool(parts_.cluster, image));
    return check_answers(pool, image.name, kAnswerLimit);
  }();
  const bool is_silent = !asked.ok() && (asked.error().code == Code::Unavailable || asked.error().code == Code::DeadlineExceeded);
  return is_silent ? asked : Status{Ok{}};
}

// QEMU shows `json:{"pool":…,"image":…,"server.0.host":…}`.
std::optional<bool> RbdSource::is_of_volume(const Call& call, const std::string& shown) {
  constexpr std::string_view kJson = "json:";
  if (is_too_deep(shown)) return std::nullopt;
  const auto parsed = Json::parse(shown.starts_with(kJson) ? shown.substr(kJson.size()) : shown, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("driver")) return std::nullopt;
  const auto image = image_for(call);
  return parsed["driver"] == "rbd" && has(parsed, "pool", image.pool) && has(parsed, "namespace", image.name_space) &&
         has(parsed, "image", image.name);
}

}  // namespace blockplug::rbd
