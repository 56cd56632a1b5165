// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/table.h"

#include <algorithm>

#include "attach-detach/check.h"
#include "attach-detach/utf8.h"

namespace blockplug::cli {
namespace {
constexpr std::size_t kGap = 2;

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

std::string escaped(std::string_view character) {
  constexpr char kDigits[] = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(character.back());
  return {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 0xF]};
}
}  // namespace

std::string harmless(std::string_view text) {
  const auto whole = as_utf8(text);
  std::string shown;
  for (std::string_view rest = whole; !rest.empty();) {
    const auto character = rest.substr(0, utf8_length(rest));
    shown += is_control(character) ? escaped(character) : std::string(character);
    rest.remove_prefix(character.size());
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
