// SPDX-License-Identifier: Apache-2.0
#include "hotplug/guest/guest_disk.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "attach-detach/roles.h"

namespace blockplug {
namespace {
std::string_view take_until(std::string_view& text, char end) {
  const auto found = text.find(end);
  const auto taken = text.substr(0, found);
  text.remove_prefix(found == std::string_view::npos ? text.size() : found + 1);
  return taken;
}

std::int64_t number_in(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string trimmed(std::string_view text) {
  const auto is_blank = [](char letter) { return letter == ' ' || letter == '\n' || letter == '\0'; };
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  return std::string(text);
}

// Empty if there is none: not every disk has a serial, and a disk may be removed meanwhile.
Result<std::string> attribute(Agent& agent, const std::string& path) {
  auto read = agent.read_file(path, 0, 4096);
  if (!read && read.error().code == Code::NotFound) return std::string{};
  return read;
}

Result<std::string> serial_in_guest(Agent& agent, const DiskPlace& place, const std::string& directory) {
  if (place.scsi_id < 0) return trimmed(TRY(attribute(agent, directory + "/serial")));
  const std::string page = TRY(attribute(agent, directory + "/device/vpd_pg80"));  // SPC: four bytes of header, then the serial
  return page.size() > 4 ? trimmed(std::string_view(page).substr(4)) : std::string{};
}
}  // namespace

std::optional<DiskPlace> place_of(const Facts& below) {
  const auto pci = below.find(roles::kGuestPci);
  if (pci == below.end() || pci->second.empty()) return std::nullopt;
  const auto scsi_id = below.find(roles::kGuestScsiId);
  return DiskPlace{.pci = pci->second, .scsi_id = scsi_id == below.end() ? -1 : static_cast<int>(number_in(scsi_id->second))};
}

bool is_at(const DiskPlace& place, std::string_view path) {
  std::string_view places = place.pci;
  const auto bus =
      places.find(':') == std::string_view::npos ? "00" : take_until(places, ':');  // "02.0": an earlier version kept that
  const auto root = "devices/pci0000:" + std::string(bus) + "/";
  const auto found = path.find(root);
  if (found == std::string_view::npos) return false;
  path.remove_prefix(found + root.size());
  while (!places.empty()) {  // the guest numbers the buses behind bridges
    const auto device = take_until(path, '/');
    if (!device.starts_with("0000:") || !device.ends_with(":" + std::string(take_until(places, '/')))) return false;
  }
  if (place.scsi_id < 0) {  // a port has one device, at 00.0 of the bus that the guest created behind it
    const auto device = take_until(path, '/');
    return device.ends_with(":00.0") && path.starts_with("virtio") && path.find("/target") == std::string_view::npos;
  }
  if (!path.starts_with("virtio")) return false;
  const auto end = path.rfind("/block/");
  if (end == std::string_view::npos) return false;
  auto address = path.substr(0, end);  // …/<host>:<channel>:<target>:<lun>
  address.remove_prefix(std::min(address.size(), address.rfind('/') + 1));
  take_until(address, ':');
  return address == "0:" + std::to_string(place.scsi_id) + ":0";
}

std::string disk_name_at(const DiskPlace& place, std::string_view listing) {
  constexpr std::string_view kArrow = " -> ";
  while (!listing.empty()) {
    const auto line = take_until(listing, '\n');
    const auto arrow = line.rfind(kArrow);
    if (arrow == std::string_view::npos || !is_at(place, line.substr(arrow + kArrow.size()))) continue;
    return std::string(line.substr(line.rfind('/') + 1));
  }
  return {};
}

Result<std::optional<GuestDisk>> find_disk(Agent& agent, const DiskPlace& place) {
  const auto listing = TRY(agent.look({"ls", "-l", "/sys/block"}));
  const std::string name = disk_name_at(place, listing.output);
  if (name.empty()) return std::optional<GuestDisk>{};
  return read_disk(agent, place, "/dev/" + name);
}

Result<std::optional<GuestDisk>> read_disk(Agent& agent, const DiskPlace& place, const std::string& path) {
  const std::string directory = "/sys/block/" + path.substr(path.rfind('/') + 1);
  auto number = trimmed(TRY(attribute(agent, directory + "/dev")));
  if (number.empty()) return std::optional<GuestDisk>{};
  GuestDisk disk{.path = path, .number = std::move(number), .serial = {}, .size_bytes = 0};
  const auto sectors = number_in(TRY(attribute(agent, directory + "/size")));  // of 512 bytes, whatever the disk's sectors are
  disk.size_bytes = sectors > 0 && sectors <= std::numeric_limits<std::int64_t>::max() / 512 ? sectors * 512 : 0;
  if (disk.size_bytes == 0) return std::optional<GuestDisk>{};
  disk.serial = TRY(serial_in_guest(agent, place, directory));
  return std::optional(disk);
}

}  // namespace blockplug
