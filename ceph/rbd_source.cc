// SPDX-License-Identifier: Apache-2.0
#include "ceph/rbd_source.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "ceph/arguments.h"
#include "ceph/connection.h"
#include "ceph/header.h"
#include "ceph/hold_update.h"
#include "hotplug/names.h"

namespace blockplug::rbd {
namespace {
using Json = nlohmann::json;
constexpr std::chrono::seconds kAnswerLimit{2};  // a healthy cluster answers in milliseconds

// QEMU connects in its main loop, where everything else of the VM waits: so not for long. It logs nowhere.
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
  if (file) std::filesystem::rename(fresh, conf, failed);
  if (!file || failed)
    return no_effect(Code::Unavailable, "cannot write " + conf.native() + ", which QEMU is to read: " + failed.message());
  return std::unique_ptr<RbdSource>(new RbdSource(std::move(parts), conf));
}

// Where a client of ours watches already, nothing new is opened: the node is only to be resized.
Result<std::int64_t> RbdSource::announce(const Call& call) {
  auto pool = TRY(open_pool(parts_.cluster, parts_.place));
  // What opens it goes by the name, the hold by the image.
  if (TRY(find_image(pool, name_of(call.key.volume))) != fact(call.below, "hold.id"))
    return no_effect(Code::FailedPrecondition, "image " + image_name(parts_.place, name_of(call.key.volume)) +
                                                   ": it is not the one that is held, another was made under its name: detach it, or bring that one back");
  const auto held =
      TRY(update_hold(pool, fact(call.below, "hold.id"), [&](const HoldRecord& now, const Header& header) -> Result<HoldRecord> {
        auto record = now;
        auto* ours = find_holder(record, self(*pool.connection, parts_.node), call.key);
        if (ours == nullptr || !record.fencing.empty())
          return no_effect(Code::FailedPrecondition,
                           "the hold of " + call.key.volume.str() + " is not ours any more: it was fenced off this node");
        const bool is_open = std::ranges::any_of(
            ours->clients, [&](const Client& client) {
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
  recipe.size_bytes = TRY(announce(call));  // last: QEMU would cut the image to what it is told
  const auto secret = secret_name(call.key.volume);
  Json file{{"driver", "rbd"},
            {"pool", parts_.place.pool},
            {"image", name_of(call.key.volume)},
            {"user", parts_.cluster.user()},
            {"key-secret", secret},
            {"auth-client-required", {"cephx"}},
            {"server", std::move(servers)},
            {"conf", conf_.native()},
            {"cache", {{"direct", true}, {"no-flush", false}}},
            {"discard", "unmap"}};
  if (!parts_.place.name_space.empty()) file["namespace"] = parts_.place.name_space;
  recipe.file_json = file.dump();
  recipe.objects_json.push_back(Json{{"qom-type", "secret"}, {"id", secret}, {"data", key.reveal()}, {"format", "base64"}}.dump());
  return recipe;
}

Status RbdSource::answers(const VolumeId& volume) {
  const auto asked = [&]() -> Status {
    auto pool = TRY(open_pool(parts_.cluster, parts_.place));
    return check_answers(pool, name_of(volume), kAnswerLimit);
  }();
  const bool is_silent = !asked.ok() && (asked.error().code == Code::Unavailable || asked.error().code == Code::DeadlineExceeded);
  return is_silent ? asked : Status{Ok{}};
}

// QEMU shows `json:{"pool":…,"image":…,"server.0.host":…}`.
std::optional<bool> RbdSource::is_of_volume(const Call& call, const std::string& shown) {
  constexpr std::string_view kJson = "json:";
  const auto parsed = Json::parse(shown.starts_with(kJson) ? shown.substr(kJson.size()) : shown, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("driver")) return std::nullopt;
  return parsed["driver"] == "rbd" && has(parsed, "pool", parts_.place.pool) && has(parsed, "namespace", parts_.place.name_space) &&
         has(parsed, "image", name_of(call.key.volume));
}

}  // namespace blockplug::rbd
