// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_qemu.h"

#include <sys/stat.h>

#include <filesystem>

namespace blockplug::testing {
namespace {
using Json = nlohmann::json;
Json done(Json value = Json::object()) { return {{"return", std::move(value)}}; }
Json refusal(const std::string& text, const char* error_class = "GenericError") {
  return {{"error", {{"class", error_class}, {"desc", text}}}};
}
Json member(const std::string& name, const std::string& type) { return {{"name", name}, {"type", type}}; }
std::string last_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }
const std::string kPeripheral = "/machine/peripheral";
const std::string kSets = "/dev/fdset/";
const std::string kScsiBus = kPeripheral + "/scsi0/virtio-backend/scsi0.0";
}  // namespace

FakeQemu::FakeQemu(Bus bus, int ports) : bus_(bus), ports_(ports) {}

FakeMonitor::Script FakeQemu::script() {
  return [this](MonitorEnd& end) {
    end.greet();
    {
      const std::lock_guard lock(mutex_);
      end_ = &end;
    }
    for (auto command = end.receive(); !command.line.empty(); command = end.receive()) {
      const std::lock_guard lock(mutex_);
      commands_.push_back(command.name);
      const bool fails = until_failure_ > 0 && --until_failure_ == 0;
      has_failed_ = has_failed_ || fails;
      if (fails && failure_ == Failure::LostBefore) break;
      Json reply = fails && failure_ == Failure::Refused ? refusal("A thing happened") : perform(command);
      if (fails && failure_ == Failure::LostAfter) break;
      reply["id"] = Json::parse(command.id_text);
      if (held_ == command.name || (fails && failure_ == Failure::Unanswered)) {
        held_.clear();
        held_replies_.emplace_back([this, text = reply.dump()] { end_->send(text + "\r\n"); });
      } else {
        end.send(reply.dump() + "\r\n");
      }
      if (held_ == "hang up") break;
    }
    const std::lock_guard lock(mutex_);
    end_ = nullptr;
    held_.clear();
    held_replies_.clear();
  };
}

Json FakeQemu::perform(const MonitorEnd::Command& sent) {
  const std::string& command = sent.name;
  const Json& arguments = *sent.arguments;
  if (const auto refused = refusals_.find(command); refused != refusals_.end()) {
    Json reply = refusal(refused->second);
    refusals_.erase(refused);
    return reply;
  }
  const auto text = [&](const char* key) { return arguments.value(key, std::string{}); };
  if (command == "qom-list") return done(qom_list(text("path")));
  if (command == "qom-get") return qom_get(text("path"), text("property"));
  if (command == "qom-set") {
    groups_[last_of(text("path"))] = arguments["value"];
    return done();
  }
  if (command == "query-status") return done({{"status", run_state_}, {"running", run_state_ == "running"}});
  if (command == "query-migrate") return done();
  if (command == "query-named-block-nodes") return done(list_nodes());
  if (command == "query-blockstats") {
    Json nodes = Json::array();
    for (const auto& [name, node] : nodes_) nodes.push_back({{"node-name", name}, {"parent", {{"node-name", "below " + name}}}});
    return done(nodes);
  }
  if (command == "blockdev-reopen") {
    const Json& options = arguments["options"][0];
    const std::string name = options["node-name"];
    if (!nodes_.contains(name)) return refusal("Failed to find node with node-name='" + name + "'");
    if (options["file"] != "below " + name) return refusal("Cannot find device='' nor node-name='" + options["file"].dump() + "'");
    nodes_[name]["discard"] = options["discard"];
    return done();
  }
  if (command == "object-add") {
    if (groups_.contains(text("id")))
      return refusal("attempt to add duplicate property '" + text("id") + "' to object (type 'container')");
    groups_[text("id")] = arguments.value("limits", Json::object());
    return done();
  }
  if (command == "object-del") {
    for (const auto& [name, node] : nodes_)
      if (node.value("throttle-group", "") == text("id"))
        return refusal("object '" + text("id") + "' is in use, can not be deleted");
    return groups_.erase(text("id")) != 0 ? done() : refusal("object '" + text("id") + "' not found");
  }
  if (command == "add-fd") return add_descriptor(sent);
  if (command == "query-fdsets") return done(list_sets());
  if (command == "remove-fd") {
    const auto number = arguments["fdset-id"].dump();
    return sets_.erase(kSets + number) != 0 ? done() : refusal("File descriptor named 'fdset-id:" + number + "' not found");
  }
  if (command == "blockdev-add") return add_node(arguments);
  if (command == "blockdev-del") {
    for (const auto& [id, device] : devices_)
      if (device["drive"] == text("node-name")) return refusal("Node " + text("node-name") + " is in use");
    return nodes_.erase(text("node-name")) != 0 ? done()
                                                : refusal("Failed to find node with node-name='" + text("node-name") + "'");
  }
  if (command == "block_resize") {
    nodes_.at(text("node-name"))["size"] = arguments["size"];
    return done();
  }
  if (command == "device_add") return add_device(arguments);
  if (command == "device_del") return delete_device(text("id"));
  if (command == "x-query-virtio-status") {
    const bool is_system = driver_ == Driver::System;
    return done(
        {{"status",
          {{"statuses", driver_ == Driver::None ? Json::array() : Json{"VIRTIO_CONFIG_S_DRIVER_OK: Driver setup and ready"}}}},
         {"guest-features",
          {{"transports", is_system ? Json{"VIRTIO_RING_F_EVENT_IDX: Used & avail."} : Json{"VIRTIO_F_VERSION_1: v1"}}}}});
  }
  return refusal("The command " + command + " has not been found", "CommandNotFound");
}

Json FakeQemu::qom_list(const std::string& path) const {
  Json members = Json::array({member("type", "string")});
  if (path == kPeripheral) {
    for (int port = 1; port <= ports_; ++port) members.push_back(member("port" + std::to_string(port), "child<pcie-root-port>"));
    if (bus_ == Bus::Scsi) members.push_back(member("scsi0", "child<virtio-scsi-pci>"));
    for (const auto& [id, device] : devices_) members.push_back(member(id, "child<" + device["driver"].get<std::string>() + ">"));
  } else if (path == "/objects") {
    for (const auto& [id, limits] : groups_) members.push_back(member(id, "child<throttle-group>"));
  } else if (path == kPeripheral + "/scsi0/virtio-backend") {
    members.push_back(member("scsi0.0", "child<SCSI>"));
  } else if (path.starts_with(kPeripheral + "/port")) {
    const std::string port = last_of(path);
    if (path == kPeripheral + "/" + port) members.push_back(member(port, "child<PCIE>"));
    for (const auto& [id, device] : devices_)
      if (device["bus"] == port) members.push_back(member("child[0]", "link<virtio-blk-pci>"));
  } else if (path == kScsiBus) {
    for (const auto& [id, device] : devices_) members.push_back(member("child[" + id + "]", "link<scsi-hd>"));
  }
  return members;
}

Json FakeQemu::qom_get(const std::string& path, const std::string& property) const {
  if (path == kScsiBus) return done(kPeripheral + "/" + property.substr(6, property.size() - 7));
  if (const auto group = groups_.find(last_of(path)); path.starts_with("/objects/") && group != groups_.end())
    return done(group->second);
  const auto found = devices_.find(last_of(path));
  if (found == devices_.end()) {
    const bool is_ours = path.ends_with("scsi0") || path.starts_with(kPeripheral + "/port");
    if (property == "addr" && is_ours) return done(path.ends_with("scsi0") ? 80 : 8 * (path.back() - '0'));
    if (property == "parent_bus" && is_ours) return done("/machine/q35/pcie.0");
    if (property == "hotplug") return done(true);
    return refusal("Device '" + path + "' not found", "DeviceNotFound");
  }
  const Json& device = found->second;
  const std::string bus = device["bus"];
  if (property == "type") return done(device["driver"]);
  if (property == "parent_bus") return done(bus == "scsi0.0" ? kScsiBus : kPeripheral + "/" + bus + "/" + bus);
  return device.contains(property) ? done(device[property]) : refusal("Property '" + property + "' not found");
}

Json FakeQemu::add_descriptor(const MonitorEnd::Command& command) {
  if (!command.descriptor) return refusal("No file descriptor supplied via SCM_RIGHTS");
  const auto number = command.arguments->at("fdset-id").get<int>();
  const auto file = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(command.descriptor->get()));
  sets_[kSets + std::to_string(number)] = {{"file", file.native()}, {"opaque", command.arguments->at("opaque")}};
  return done({{"fdset-id", number}, {"fd", 7}});
}

Json FakeQemu::list_sets() const {
  Json list = Json::array();
  for (const auto& [path, set] : sets_)
    list.push_back({{"fdset-id", std::stoi(last_of(path))}, {"fds", {{{"fd", 7}, {"opaque", set["opaque"]}}}}});
  return list;
}

Json FakeQemu::add_node(const Json& arguments) {
  const std::string name = arguments["node-name"];
  if (nodes_.contains(name)) return refusal("Duplicate nodes with node-name='" + name + "'");
  std::string file = arguments["driver"] == "throttle" ? arguments["file"]["filename"] : arguments["filename"];
  if (const auto set = sets_.find(file); set != sets_.end()) file = set->second["file"];
  struct stat found {};
  if (::stat(file.c_str(), &found) != 0) return refusal("Could not open '" + file + "': No such file or directory");
  nodes_[name] = arguments;
  nodes_[name]["size"] = found.st_size;
  return done();
}

Json FakeQemu::list_nodes() const {
  Json list = Json::array();
  for (const auto& [name, node] : nodes_) {
    Json shown{{"driver", node["driver"]}};
    if (node.contains("file"))
      shown.update(
          {{"throttle-group", node["throttle-group"]}, {"file", {{"driver", "file"}, {"filename", node["file"]["filename"]}}}});
    list.push_back({{"node-name", name},
                    {"drv", node["driver"]},
                    {"ro", node.value("read-only", false)},
                    {"image", {{"virtual-size", node["size"]}}},
                    {"file", node.contains("file") ? "json:" + shown.dump() : node["filename"].get<std::string>()}});
  }
  return list;
}

Json FakeQemu::add_device(const Json& arguments) {
  const std::string id = arguments["id"], bus = arguments["bus"], drive = arguments["drive"];
  if (devices_.contains(id)) return refusal("Duplicate device ID '" + id + "'");
  if (!nodes_.contains(drive))
    return refusal("Property '" + arguments["driver"].get<std::string>() + ".drive' can't find value '" + drive + "'");
  for (const auto& [other, device] : devices_) {
    if (device["drive"] == drive)
      return refusal("Permission conflict on node '" + drive + "': permissions 'write' are both required");
    if (device["bus"] != bus) continue;
    if (bus != "scsi0.0")
      return refusal("PCI: slot 0 function 0 not available for virtio-blk-pci, in use by virtio-blk-pci,id=" + other);
    if (device["scsi-id"] == arguments["scsi-id"]) return refusal("lun already used by '" + other + "'");
  }
  devices_[id] = arguments;
  return done();
}

Json FakeQemu::delete_device(const std::string& id) {
  if (!devices_.contains(id)) return refusal("Device '" + id + "' not found", "DeviceNotFound");
  asked_.insert(id);
  if (guest_ == Guest::Releases) remove(id);
  return done();
}

void FakeQemu::remove(const std::string& id) {
  asked_.erase(id);
  const std::string path = kPeripheral + "/" + id;
  const bool is_virtio = devices_.at(id)["driver"] == "virtio-blk-pci";
  devices_.erase(id);
  if (end_ == nullptr) return;
  const auto event = [&](const Json& data) {
    end_->send(Json{{"event", "DEVICE_DELETED"}, {"data", data}, {"timestamp", {{"seconds", 1}, {"microseconds", 0}}}}.dump() +
               "\r\n");
  };
  if (is_virtio) event({{"path", path + "/virtio-backend"}});
  event({{"device", id}, {"path", path}});
}

void FakeQemu::emit(const std::string& name, const Json& data) {
  const std::lock_guard lock(mutex_);
  if (end_ != nullptr)
    end_->send(Json{{"event", name}, {"data", data}, {"timestamp", {{"seconds", 1}, {"microseconds", 0}}}}.dump() + "\r\n");
}

void FakeQemu::release_all() {
  const std::lock_guard lock(mutex_);
  while (!asked_.empty()) remove(std::string(*asked_.begin()));
}

void FakeQemu::set_run_state(const std::string& state) {
  {
    const std::lock_guard lock(mutex_);
    run_state_ = state;
  }
  emit(state == "running" ? "RESUME" : "STOP", Json::object());
}

void FakeQemu::resume_replies() {
  const std::lock_guard lock(mutex_);
  for (const auto& reply : held_replies_) reply();
  held_replies_.clear();
}

std::vector<std::string> FakeQemu::commands() const {
  const std::lock_guard lock(mutex_);
  return commands_;
}
void FakeQemu::forget_commands() {
  const std::lock_guard lock(mutex_);
  commands_.clear();
}
void FakeQemu::set_guest(Guest guest) {
  const std::lock_guard lock(mutex_);
  guest_ = guest;
}
void FakeQemu::set_driver(Driver driver) {
  const std::lock_guard lock(mutex_);
  driver_ = driver;
}
void FakeQemu::refuse_next(const std::string& command, const std::string& text) {
  const std::lock_guard lock(mutex_);
  refusals_[command] = text;
}
void FakeQemu::fail_command(int number, Failure failure) {
  const std::lock_guard lock(mutex_);
  until_failure_ = number;
  failure_ = failure;
  has_failed_ = false;
}
bool FakeQemu::has_failed() const {
  const std::lock_guard lock(mutex_);
  return has_failed_;
}
bool FakeQemu::has_device(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  return devices_.contains(id);
}
std::optional<std::int64_t> FakeQemu::size_of(const std::string& node) const {
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(node);
  return found == nodes_.end() ? std::nullopt : std::optional(found->second["size"].get<std::int64_t>());
}
std::optional<Json> FakeQemu::limits_of(const std::string& group) const {
  const std::lock_guard lock(mutex_);
  const auto found = groups_.find(group);
  return found == groups_.end() ? std::nullopt : std::optional(found->second);
}
std::string FakeQemu::discard_of(const std::string& node) const {
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(node);
  return found == nodes_.end() ? "" : found->second.value("discard", "ignore");
}
std::vector<std::string> FakeQemu::leftovers() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto* each : {&groups_, &nodes_, &devices_, &sets_})
    for (const auto& [name, what] : *each) names.push_back(name);
  return names;
}
void FakeQemu::hold_next(const std::string& command) {
  const std::lock_guard lock(mutex_);
  held_ = command;
}
void FakeQemu::put_group(const std::string& id, const Json& limits) {
  const std::lock_guard guard(mutex_);
  groups_[id] = limits;
}

std::string FakeQemu::limits_of_group(const std::string& id) const {
  const std::lock_guard guard(mutex_);
  const auto found = groups_.find(id);
  return found == groups_.end() ? "none" : found->second.dump();
}

void FakeQemu::hang_up() {
  const std::lock_guard lock(mutex_);
  held_ = "hang up";
}

}  // namespace blockplug::testing
