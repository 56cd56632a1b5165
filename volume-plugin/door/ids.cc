// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/door/ids.h"

#include <algorithm>

#include "attach-detach/printable.h"

namespace blockplug {
namespace {
constexpr std::size_t kLongestVolumeId = 512;
constexpr std::size_t kLongestVmId = 64;
constexpr std::size_t kLongestSnapshotName = 128;
constexpr std::string_view kOurSnapshots = "blockplug.";

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

bool is_name_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

std::string fault_in_volume_id(const std::string& text) {
  const auto slash = text.find('/');
  if (text.empty()) return "it is empty";
  if (text.size() > kLongestVolumeId) return "it has " + std::to_string(text.size()) + " bytes";
  if (std::any_of(text.begin(), text.end(), is_control)) return "it contains a control character";
  if (slash == std::string::npos) return "it names no backend";
  if (slash == 0) return "the part before the '/' is empty";
  if (slash + 1 == text.size()) return "the part after the '/' is empty";
  return {};
}

std::string fault_in_vm_id(const std::string& text) {
  if (text.empty()) return "it is empty";
  if (text.size() > kLongestVmId) return "it has " + std::to_string(text.size()) + " characters";
  const auto odd = std::find_if_not(text.begin(), text.end(), is_name_character);
  if (odd != text.end()) return "it contains '" + printable({&*odd, 1}) + "'";
  if (text == "." || text == "..") return "it is the name of a directory";
  return {};
}
std::string fault_in_snapshot_name(const std::string& name) {
  if (name.empty()) return "it is empty";
  if (name.size() > kLongestSnapshotName) return "it has " + std::to_string(name.size()) + " characters";
  const auto odd = std::find_if_not(name.begin(), name.end(), is_name_character);
  if (odd != name.end()) return "it contains '" + printable({&*odd, 1}) + "'";
  if (name.front() == '.' || name.front() == '_' || name.front() == '-') return "it must begin with a letter or digit";
  if (name.starts_with(kOurSnapshots))
    return "names that begin with '" + std::string(kOurSnapshots) + "' are reserved for Blockplug";
  return {};
}
}  // namespace

Status check_volume_id(const std::string& text) {
  const auto fault = fault_in_volume_id(text);
  if (fault.empty()) return Ok{};
  return no_effect(Code::InvalidArgument, "'" + printable(text) + "' is not a volume id: " + fault +
                                              "; use <backend>/<name>, such as local/data ('blockplug volume list' shows them)");
}

Status check_snapshot_name(const std::string& name) {
  const auto fault = fault_in_snapshot_name(name);
  if (fault.empty()) return Ok{};
  return no_effect(Code::InvalidArgument, "'" + printable(name) + "' is not a valid snapshot name: " + fault +
                                              "; use 1 to 128 letters, digits, '.', '_' and '-', beginning with a letter or digit");
}

Result<SnapshotId> parse_snapshot_id(const std::string& text) {
  const auto at = text.rfind('@');
  if (at == std::string::npos)
    return no_effect(Code::InvalidArgument,
                     "'" + printable(text) + "' is not a snapshot id: it has no '@'; use " +
                         "<backend>/<volume>@<name>, such as ceph/data@before ('blockplug snapshot list' shows them)");
  SnapshotId id{text.substr(0, at), text.substr(at + 1)};
  TRY(check_volume_id(id.volume));
  TRY(check_snapshot_name(id.name));
  return id;
}

Status check_vm_id(const std::string& text) {
  const auto fault = fault_in_vm_id(text);
  if (fault.empty()) return Ok{};
  return no_effect(Code::InvalidArgument, "'" + printable(text) + "' is not a VM id: " + fault +
                                              "; use 1 to 64 letters, digits, '.', '_' and '-' ('blockplug vm list' shows them)");
}

}  // namespace blockplug
