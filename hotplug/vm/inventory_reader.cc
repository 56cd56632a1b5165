// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/inventory_reader.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "attach-detach/json_depth.h"
#include "hotplug/vm/block_graph.h"
#include "hotplug/vm/names.h"

namespace blockplug {
namespace {
using Json = nlohmann::json;

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : std::string{}; }
std::string text_at(const Json& object, const char* key) {
  return object.is_object() && object.contains(key) ? text_of(object[key]) : std::string{};
}
std::int64_t number_at(const Json& object, const char* key) {
  return object.is_object() && object.contains(key) && object[key].is_number_integer() ? object[key].get<std::int64_t>() : 0;
}

constexpr int kMostBridges = 16;  // one below the other

template <typename... Numbers>
std::string format(const char* form, Numbers... numbers) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), form, numbers...);
  return text.data();
}

// A member of a qom-list reply: name and type, e.g. "child<scsi-hd>".
struct Member {
  std::string name, type;
  bool is_child(std::string_view of) const { return type == "child<" + std::string(of) + ">"; }
  std::string child_type() const {  // "scsi-hd"; empty: not a child
    constexpr std::string_view kStart = "child<";
    const bool is_one = type.starts_with(kStart) && type.ends_with('>');
    return is_one ? type.substr(kStart.size(), type.size() - kStart.size() - 1) : std::string{};
  }
};

class Reader {
 public:
  explicit Reader(const AskQemu& ask) : ask_(ask) {}

  Result<Layout> layout() {
    Layout found;
    for (const std::string parent : {"/machine/peripheral", "/machine/peripheral-anon"}) {
      for (const auto& device : TRY(list(parent))) {
        const std::string path = parent + "/" + device.name;
        if (device.is_child("pcie-root-port")) TRY(add_port(path, found));
        if (device.type.starts_with("child<virtio-scsi-pci") && !found.scsi) found.scsi = TRY(scsi_bus(path));
      }
    }
    std::sort(found.ports.begin(), found.ports.end(),
              [](const RootPort& a, const RootPort& b) { return std::pair(a.pci, a.bus) < std::pair(b.pci, b.bus); });
    return found;
  }

  Status devices(Inventory& inventory) {
    for (const auto& member : TRY(list("/machine/peripheral"))) {
      if (!volume_of(member.name)) continue;
      const std::string path = "/machine/peripheral/" + member.name;
      Disk disk;
      disk.id = member.name;
      disk.driver = member.child_type();
      disk.node = TRY(text(path, "drive"));
      disk.serial = TRY(text(path, "serial"));
      const std::string bus = TRY(text(path, "parent_bus"));
      disk.bus = bus.substr(bus.rfind('/') + 1);
      if (disk.driver == "scsi-hd") disk.scsi_id = TRY(scsi_id(path));
      if (!bus.empty()) inventory.add(std::move(disk));  // empty: it was removed meanwhile
    }
    return Ok{};
  }

  // A block job puts a filter above our node, a snapshot an overlay: then that is the disk's drive. QEMU's graph says what is
  // below.
  Status drives(Inventory& inventory) {
    const auto is_elsewhere = [](const auto& entry) { return entry.second.node != node_name(*volume_of(entry.first)); };
    if (std::none_of(inventory.disks.begin(), inventory.disks.end(), is_elsewhere)) return Ok{};
    const auto graph = TRY(read_block_graph(ask_));
    for (auto& [id, disk] : inventory.disks) {
      const auto ours = node_name(*volume_of(id));
      if (disk.node == ours) continue;
      const auto path = graph ? graph->path(disk.node, ours) : std::nullopt;
      disk.reads = !graph ? Disk::Reads::Unknown : path ? Disk::Reads::VolumeBelow : Disk::Reads::Other;
      disk.between = !graph ? "block node '" + disk.node + "'" : path ? path->what : "";
      disk.has_job = path && path->has_job;
    }
    return Ok{};
  }

  // For a root port it is enough to know that it is occupied. On a SCSI bus all ids are needed, also of other devices.
  Status places(Inventory& inventory) {
    if (const auto& scsi = inventory.layout.scsi) {
      auto members = TRY(list(scsi->path));
      std::erase_if(members, [](const auto& member) { return !member.name.starts_with("child["); });
      const auto ours_there =
          std::ranges::count_if(inventory.disks, [&](const auto& disk) { return disk.second.bus == scsi->bus; });
      if (static_cast<std::ptrdiff_t>(members.size()) == ours_there) members.clear();  // there is nothing else
      for (const auto& member : members) {
        const std::string path = TRY(text(scsi->path, member.name));
        const auto ours = inventory.disks.find(path.substr(path.rfind('/') + 1));
        if (ours != inventory.disks.end()) continue;
        const int taken = TRY(scsi_id(path));
        inventory.taken_scsi_ids.insert(taken);
      }
    }
    for (const auto& port : inventory.layout.ports) {
      const auto members = TRY(list(port.path));
      if (std::any_of(members.begin(), members.end(), [](const Member& member) { return member.name.starts_with("child["); }))
        inventory.taken_ports.insert(port.bus);
    }
    return Ok{};
  }

  Status throttle_groups(Inventory& inventory) {
    for (const auto& member : TRY(list("/objects"))) {
      if (!member.is_child("throttle-group") || !volume_of(member.name)) continue;
      const Json limits = TRY(get("/objects/" + member.name, "limits"));
      inventory.throttle_groups[member.name] = parse_limits(limits);
    }
    return Ok{};
  }

  Status blocks(Inventory& inventory, const Inventory* known, const StorageAnswers& answers) {
    for (const auto& [group, limits] : inventory.throttle_groups)
      if (const auto answered = answers ? answers(*volume_of(group)) : Status{Ok{}}; !answered.ok())
        return names(inventory, known, "QEMU was not asked, because it would block: " + answered.error().message);
    auto reply = ask_("query-named-block-nodes", {{"flat", true}});
    if (!reply && reply.error().code == Code::FailedPrecondition)
      return names(inventory, known, "QEMU reports: " + reply.error().message);
    const Json entries = TRY(std::move(reply));
    for (const auto& entry : entries) {
      BlockNode node = parse_node(entry);
      if (volume_of(node.throttle_group) || node.name.starts_with("bp-")) inventory.nodes.insert_or_assign(node.name, node);
    }
    return Ok{};
  }

  // Statistics are kept in QEMU itself: they list every node without reading an image.
  Status names(Inventory& inventory, const Inventory* known, const std::string& why) {
    const Json entries = TRY(ask_("query-blockstats", {{"query-nodes", true}}));
    for (const auto& entry : entries) {
      BlockNode node;
      node.name = text_at(entry, "node-name");
      if (!node.name.starts_with("bp-")) continue;
      const auto before = known == nullptr ? decltype(known->nodes)::const_iterator{} : known->nodes.find(node.name);
      node.is_known_by_name = known == nullptr || before == known->nodes.end() || before->second.is_known_by_name;
      if (!node.is_known_by_name) node = before->second;
      for (const auto& [group, limits] : inventory.throttle_groups)
        if (node_name(*volume_of(group)) == node.name) node.throttle_group = group;
      node.blind = why;
      inventory.nodes.insert_or_assign(node.name, std::move(node));
    }
    return Ok{};
  }

  Status state(Inventory& inventory) {
    const Json status = TRY(ask_("query-status", Json::object()));
    const Json migration = TRY(ask_("query-migrate", Json::object()));
    inventory.run_state = text_at(status, "status");
    inventory.is_migrating = is_migration(inventory.run_state, text_at(migration, "status"));
    return Ok{};
  }

 private:
  // A path that has disappeared has no members; the device's event follows.
  Result<std::vector<Member>> list(const std::string& path) {
    auto reply = ask_("qom-list", {{"path", path}});
    if (!reply && reply.error().code == Code::NotFound) return std::vector<Member>{};
    const Json entries = TRY(std::move(reply));
    std::vector<Member> members;
    for (const auto& entry : entries) members.push_back({text_at(entry, "name"), text_at(entry, "type")});
    return members;
  }

  // Null: the device has disappeared, or this QEMU has no such property. Any other refusal says nothing about the disk.
  Result<Json> get(const std::string& path, const std::string& property) {
    auto reply = ask_("qom-get", {{"path", path}, {"property", property}});
    if (reply || reply.error().effect != Effect::None) return reply;
    const auto& error = reply.error();
    const bool has_none = error.code == Code::FailedPrecondition && error.message.find("Property '") != std::string::npos &&
                          error.message.find("' not found") != std::string::npos;
    if (error.code == Code::NotFound || has_none) return Json();
    return reply;
  }

  Result<std::string> text(const std::string& path, const std::string& property) {
    const Json value = TRY(get(path, property));
    return text_of(value);
  }

  Result<int> scsi_id(const std::string& path) {
    const Json value = TRY(get(path, "scsi-id"));
    return value.is_number_integer() ? value.get<int>() : -1;
  }

  // From the root bus down: bridges and ports on the way, then the device itself. The guest numbers the buses behind bridges, so
  // they are not told. Empty: not on a PCI bus.
  Result<std::string> pci_of(std::string path) {
    std::string places;
    for (int bridges = 0; bridges < kMostBridges; ++bridges) {
      const Json value = TRY(get(path, "addr"));
      if (!value.is_number_integer()) return std::string{};
      const int place = value.get<int>();
      places = format("%02x.%d", (place >> 3) & 31, place & 7) + (places.empty() ? "" : "/" + places);
      const std::string bus = TRY(text(path, "parent_bus"));
      path = bus.substr(0, bus.rfind('/'));
      if (const Json bridge = TRY(get(path, "addr")); bridge.is_number_integer()) continue;
      // A pxb-pcie is a device on the first root bus, whose name its own root bus has.
      const Json number = TRY(get("/machine/peripheral/" + bus.substr(bus.rfind('/') + 1), "bus_nr"));
      return format("%02x:", number.is_number_integer() ? number.get<int>() : 0) + places;
    }
    return std::string{};
  }

  Status add_port(const std::string& path, Layout& found) {
    const Json may_hotplug = TRY(get(path, "hotplug"));
    if (may_hotplug.is_boolean() && !may_hotplug.get<bool>()) return Ok{};
    const std::string pci = TRY(pci_of(path));
    for (const auto& member : TRY(list(path)))
      if (member.is_child("PCIE")) found.ports.push_back({.path = path + "/" + member.name, .bus = member.name, .pci = pci});
    return Ok{};
  }

  Result<std::optional<ScsiBus>> scsi_bus(const std::string& controller) {
    const std::string path = controller + "/virtio-backend";
    const std::string pci = TRY(pci_of(controller));
    std::optional<ScsiBus> found;
    for (const auto& member : TRY(list(path)))
      if (member.is_child("SCSI")) found = ScsiBus{.path = path + "/" + member.name, .bus = member.name, .pci = pci};
    return found;
  }

  const AskQemu& ask_;
};
}  // namespace

BlockNode parse_node(const Json& entry) {
  BlockNode node{.name = text_at(entry, "node-name"), .throttle_group = {}, .source = text_at(entry, "file")};
  node.is_read_only = entry.value("ro", false);
  if (entry.contains("image")) node.size_bytes = number_at(entry["image"], "virtual-size");
  if (!node.source.starts_with("json:") || is_too_deep(node.source)) return node;
  const Json shown = Json::parse(node.source.substr(5), nullptr, false);
  node.throttle_group = text_at(shown, "throttle-group");
  if (shown.is_object() && shown.contains("file"))
    node.source = shown["file"].is_string() ? text_of(shown["file"]) : shown["file"].dump();
  return node;
}

ThrottleLimits parse_limits(const Json& limits) {
  return {.iops = number_at(limits, "iops-total"), .bytes_per_second = number_at(limits, "bps-total")};
}

Result<Inventory> read_inventory(const AskQemu& ask, const Inventory* known, const StorageAnswers& answers) try {
  Reader reader(ask);
  Inventory inventory;
  inventory.read_at = Clock::now();  // nothing in it is older
  if (known != nullptr)
    inventory.layout = known->layout;
  else
    inventory.layout = TRY(reader.layout());
  TRY(reader.state(inventory));
  TRY(reader.devices(inventory));
  TRY(reader.drives(inventory));
  TRY(reader.places(inventory));
  TRY(reader.throttle_groups(inventory));
  TRY(reader.blocks(inventory, known, answers));
  return inventory;
} catch (const Json::exception& error) {
  return no_effect(Code::Internal, std::string("QEMU's reply does not match its schema: ") + error.what());
}

}  // namespace blockplug
