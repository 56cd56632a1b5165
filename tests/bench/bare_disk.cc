// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/bare_disk.h"

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>

#include "hotplug/vm/qmp/client.h"

namespace blockplug::bench {
namespace {
using Json = nlohmann::json;
constexpr std::chrono::seconds kLimit{30};
constexpr const char *kDevice = "bare", *kNode = "bare-node", *kGroup = "bare-group";
}  // namespace

const char* to_text(Bus bus) { return bus == Bus::Scsi ? "scsi" : "virtio-blk"; }

struct BareDisk::Connection {
  void on_event(const qmp::Event& event) {
    if (event.name != "DEVICE_DELETED" || event.data->value("device", "") != kDevice) return;
    const std::lock_guard lock(mutex);
    ++deleted;
    changed.notify_all();
  }
  std::mutex mutex;
  std::condition_variable changed;
  int deleted{}, awaited{};
  std::unique_ptr<qmp::Client> client;  // the last: its reader is gone before the rest is
};

NodeRecipe recipe_of(const std::string& file) {
  const Json node{{"driver", "file"}, {"filename", file}, {"cache", {{"direct", true}, {"no-flush", false}}}, {"discard", "unmap"}};
  return {node.dump(), {}, 0};
}

BareDisk::BareDisk(std::unique_ptr<Connection> connection, Bus bus, NodeRecipe recipe)
    : connection_(std::move(connection)), bus_(bus), recipe_(std::move(recipe)) {}
BareDisk::~BareDisk() = default;

Result<std::unique_ptr<BareDisk>> BareDisk::connect(const std::string& monitor, Bus bus, NodeRecipe recipe) {
  auto connection = std::make_unique<Connection>();
  const qmp::Callbacks callbacks{[at = connection.get()](const qmp::Event& event) { at->on_event(event); }, [] {},
                                 [](const std::string&) {}};
  connection->client = TRY(qmp::Client::connect(monitor, callbacks, Clock::now() + kLimit));
  return std::unique_ptr<BareDisk>(new BareDisk(std::move(connection), bus, std::move(recipe)));
}

Status BareDisk::attach() {
  auto file = Json::parse(recipe_.file_json);
  file["read-only"] = false;
  Json device{{"id", kDevice}, {"drive", kNode}, {"serial", kDevice}, {"werror", "report"}, {"rerror", "report"}};
  if (bus_ == Bus::Scsi)
    device.update({{"driver", "scsi-hd"}, {"bus", "scsi0.0"}, {"channel", 0}, {"scsi-id", 0}, {"lun", 0}});
  else
    device.update({{"driver", "virtio-blk-pci"}, {"bus", "port1"}, {"addr", "0x0"}});
  for (const auto& object : recipe_.objects_json) TRY(execute("object-add", object));
  TRY(execute("object-add",
              Json{{"qom-type", "throttle-group"}, {"id", kGroup}, {"limits", {{"iops-total", 0}, {"bps-total", 0}}}}.dump()));
  TRY(execute(
      "blockdev-add",
      Json{{"driver", "throttle"}, {"node-name", kNode}, {"throttle-group", kGroup}, {"read-only", false}, {"file", file}}.dump()));
  for (const auto& object : recipe_.objects_json) TRY(execute("object-del", Json{{"id", Json::parse(object).at("id")}}.dump()));
  return execute("device_add", device.dump());
}

Status BareDisk::detach() {
  TRY(execute("device_del", Json{{"id", kDevice}}.dump()));
  {
    std::unique_lock lock(connection_->mutex);
    const int wanted = ++connection_->awaited;
    if (!connection_->changed.wait_for(lock, kLimit, [&] { return connection_->deleted >= wanted; }))
      return maybe_effect(Code::DeadlineExceeded, "the guest does not release the bare disk");
  }
  TRY(execute("blockdev-del", Json{{"node-name", kNode}}.dump()));
  return execute("object-del", Json{{"id", kGroup}}.dump());
}

Status BareDisk::execute(const char* command, const std::string& arguments_json) {
  TRY(connection_->client->execute(command, Json::parse(arguments_json), Clock::now() + kLimit, "bare"));
  return Ok{};
}

}  // namespace blockplug::bench
