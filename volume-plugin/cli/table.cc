// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/table.h"

#include <algorithm>

#include "attach-detach/check.h"

namespace blockplug::cli {
namespace {
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::size_t kGap = 2;

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// How many bytes the character at the front has; 0: none that is UTF-8. (Overlong forms do not get past protobuf.)
std::size_t length_of_first(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = lead < 0x80             ? 1
                             : (lead & 0xE0) == 0xC0 ? 2
                             : (lead & 0xF0) == 0xE0 ? 3
                             : (lead & 0xF8) == 0xF0 ? 4
                                                     : 0;
  if (length > text.size()) return 0;
  const auto rest = text.substr(1, length == 0 ? 0 : length - 1);
  return std::all_of(rest.begin(), rest.end(), is_continuation) ? length : 0;
}

// Of ASCII, and U+0080 to U+009F, which some terminals obey too.
bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  return first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

std::string escaped(std::string_view character) {
  constexpr char kDigits[] = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(character.back());
  return {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 0xF]};
}
}  // namespace

std::string harmless(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const auto length = length_of_first(text);
    const auto character = text.substr(0, std::max<std::size_t>(length, 1));
    if (length == 0) {
      shown += kReplacement;
    } else if (is_control(character)) {
      shown += escaped(character);
    } else {
      shown += character;
    }
    text.remove_prefix(character.size());
  }
  return shown;
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

std::string padded(std::string text, std::size_t width) {
  const auto shown = width_of(text);
  if (shown < width) text.append(width - shown, ' ');
  return text;
}

Table::Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }

void Table::add(std::vector<std::string> cells) {
  CHECK(cells.size() == rows_.front().size());
  for (auto& cell : cells) cell = cell.empty() ? "-" : harmless(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  if (rows_.size() == 1) return {};
  std::vector<std::size_t> widths(rows_.front().size());
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  std::string text;
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) text += padded(row[i], widths[i] + kGap);
    text += row.back() + "\n";
  }
  return text;
}

}  // namespace blockplug::cli
