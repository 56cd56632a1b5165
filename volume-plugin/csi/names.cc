// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/csi/names.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "attach-detach/printable.h"
#include "attach-detach/utf8.h"
#include "volume-plugin/door/ids.h"

namespace blockplug::csi {
namespace {
constexpr std::string_view kHashed = "csi-";
constexpr std::size_t kDigits = 40;

bool is_hexadecimal(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }
// Nothing that a storage might take for something else: spaces at an end, letters that are equal in some languages.
bool is_plain(char c) {
  return is_hexadecimal(c) || (c >= 'g' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
}
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

// Such a name is hashed as well, so that nobody can name another one's.
bool looks_hashed(const std::string& name) {
  return name.size() == kHashed.size() + kDigits && name.starts_with(kHashed) &&
         std::all_of(name.begin() + kHashed.size(), name.end(), is_hexadecimal);
}

std::string hashed(const std::string& name) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size{};
  CHECK(EVP_Digest(name.data(), name.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1 && size >= kDigits / 2);
  std::string text(kHashed);
  for (std::size_t at = 0; at < kDigits / 2; ++at) {
    constexpr std::string_view kDigit = "0123456789abcdef";
    text += kDigit[digest[at] >> 4];
    text += kDigit[digest[at] & 0xF];
  }
  return text;
}
}  // namespace

Status check_name(const std::string& name, const char* field) {
  const auto invalid = [&](const std::string& what) {
    return no_effect(Code::InvalidArgument, std::string(field) + " " + what + ": give a name of 1 to 128 bytes");
  };
  if (name.empty()) return invalid("is empty");
  if (name.size() > kLongestField) return invalid("has " + std::to_string(name.size()) + " bytes");
  if (std::ranges::any_of(name, is_control)) return invalid("'" + printable(name) + "' has control characters");
  return Ok{};
}

std::string name_in_backend(const std::string& name, std::size_t longest, const std::function<bool(const std::string&)>& takes) {
  return name.size() <= longest && std::ranges::all_of(name, is_plain) && !looks_hashed(name) && takes(name) ? name : hashed(name);
}

std::string volume_name(const std::string& csi_name, const std::string& backend,
                        const std::function<bool(const std::string&)>& takes) {
  return name_in_backend(csi_name, kLongestVolumeId - backend.size() - 1, takes);
}

std::string snapshot_name(const std::string& csi_name, const VolumeId& volume) {
  const auto left = kLongestField - std::min(kLongestField, volume.str().size() + 1);
  return name_in_backend(csi_name, left, [](const std::string& name) { return check_snapshot_name(name).ok(); });
}

bool ends_with_uuid(const std::string& name) {
  constexpr std::size_t kUuid = 36;
  if (name.size() < kUuid) return false;
  const auto uuid = std::string_view(name).substr(name.size() - kUuid);
  for (std::size_t at = 0; at < kUuid; ++at) {
    const bool is_dash = at == 8 || at == 13 || at == 18 || at == 23;
    if (is_dash ? uuid[at] != '-' : !is_hexadecimal(uuid[at])) return false;
  }
  return true;
}

}  // namespace blockplug::csi
