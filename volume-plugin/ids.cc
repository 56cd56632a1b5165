// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/ids.h"

#include <algorithm>

#include "volume-plugin/printable.h"

namespace blockplug {
namespace {
constexpr std::size_t kLongestVolumeId = 512;
constexpr std::size_t kLongestVmId = 64;

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

bool may_be_in_vm_id(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

std::string fault_in_volume_id(const std::string& text) {
  const auto slash = text.find('/');
  if (text.empty()) return "it is empty";
  if (text.size() > kLongestVolumeId) return "it has " + std::to_string(text.size()) + " bytes";
  if (std::any_of(text.begin(), text.end(), is_control)) return "it holds a control character";
  if (slash == std::string::npos) return "it does not say which backend";
  if (slash == 0) return "nothing stands before the '/'";
  if (slash + 1 == text.size()) return "nothing stands after the '/'";
  return {};
}

std::string fault_in_vm_id(const std::string& text) {
  if (text.empty()) return "it is empty";
  if (text.size() > kLongestVmId) return "it has " + std::to_string(text.size()) + " characters";
  const auto odd = std::find_if_not(text.begin(), text.end(), may_be_in_vm_id);
  if (odd != text.end()) return "it holds '" + printable({&*odd, 1}) + "'";
  if (text == "." || text == "..") return "it is a folder's name";
  return {};
}
}  // namespace

Status check_volume_id(const std::string& text) {
  const auto fault = fault_in_volume_id(text);
  if (fault.empty()) return Ok{};
  return no_effect(Code::InvalidArgument, "'" + printable(text) + "' cannot be a volume: " + fault +
                                              "; write <backend>/<name>, such as local/data ('blockplug volume list' shows them)");
}

Status check_vm_id(const std::string& text) {
  const auto fault = fault_in_vm_id(text);
  if (fault.empty()) return Ok{};
  return no_effect(Code::InvalidArgument,
                   "'" + printable(text) + "' cannot be the id of a VM: " + fault +
                       "; allowed are 1 to 64 letters, digits, '.', '_' and '-' ('blockplug vm list' shows them)");
}

}  // namespace blockplug
