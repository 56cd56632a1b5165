// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/size.h"

#include <array>
#include <charconv>

#include "attach-detach/printable.h"

namespace blockplug {
namespace {
struct Unit {
  char letter;
  std::int64_t binary, decimal;
};
constexpr std::array<Unit, 6> kUnits{{
    {'E', std::int64_t{1} << 60, 1'000'000'000'000'000'000},
    {'P', std::int64_t{1} << 50, 1'000'000'000'000'000},
    {'T', std::int64_t{1} << 40, 1'000'000'000'000},
    {'G', std::int64_t{1} << 30, 1'000'000'000},
    {'M', std::int64_t{1} << 20, 1'000'000},
    {'K', std::int64_t{1} << 10, 1'000},
}};
constexpr const char* kForms =
    "use a whole number and a unit: 1GiB, 512MiB, 10Ki (powers of 1024), 1GB, 500M (powers of 1000), or plain bytes";

// How many bytes "GiB", "Gi", "GB", "G", "B" or "" stand for; 0 for anything else.
std::int64_t bytes_of_unit(std::string_view unit) {
  if (unit.ends_with('B')) unit.remove_suffix(1);
  if (unit.empty()) return 1;
  const bool is_binary = unit.size() == 2 && unit[1] == 'i';
  if (unit.size() != 1 && !is_binary) return 0;
  const char letter = unit[0] == 'k' ? 'K' : unit[0];  // the SI prefix kilo is lower-case
  for (const auto& known : kUnits)
    if (known.letter == letter) return is_binary ? known.binary : known.decimal;
  return 0;
}

Error unreadable(std::string_view text) {
  return no_effect(Code::InvalidArgument, "size '" + printable(text) + "' is not valid: " + kForms);
}

Error too_large(const std::string& size) {
  return no_effect(Code::OutOfRange, "size " + size + " is too large: the maximum is " + format_size(kMaxSizeBytes));
}
}  // namespace

Status check_size(std::int64_t size_bytes) {
  if (size_bytes <= 0) {
    return no_effect(Code::InvalidArgument, "size " + std::to_string(size_bytes) + " is not valid: it must be more than 0 bytes");
  }
  if (size_bytes > kMaxSizeBytes) return too_large(format_size(size_bytes));
  if (const auto rest = size_bytes % kSectorBytes; rest != 0) {
    return no_effect(Code::InvalidArgument, "size " + std::to_string(size_bytes) +
                                                " is not a multiple of 512 bytes: the next larger one is " +
                                                std::to_string(size_bytes - rest + kSectorBytes));
  }
  return Ok{};
}

Result<std::int64_t> parse_size(std::string_view text) {
  std::int64_t number{};
  const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem == std::errc::invalid_argument || number < 0) return unreadable(text);
  const auto unit = bytes_of_unit(text.substr(static_cast<std::size_t>(rest - text.data())));
  if (unit == 0) return unreadable(text);
  std::int64_t size_bytes{};
  if (problem == std::errc::result_out_of_range || __builtin_mul_overflow(number, unit, &size_bytes)) {
    return too_large("'" + printable(text) + "'");
  }
  return size_bytes;
}

std::string format_size(std::int64_t size_bytes) {
  for (const auto& unit : kUnits)
    if (size_bytes != 0 && size_bytes % unit.binary == 0) return std::to_string(size_bytes / unit.binary) + unit.letter + "iB";
  return std::to_string(size_bytes) + "B";
}

std::string format_size_roughly(std::int64_t size_bytes) {
  for (const auto& unit : kUnits)
    if (size_bytes / unit.binary >= 10) return std::to_string(size_bytes / unit.binary) + unit.letter + "iB";
  return format_size(size_bytes);
}

}  // namespace blockplug
