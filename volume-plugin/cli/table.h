// SPDX-License-Identifier: Apache-2.0
#pragma once
// Tables for people. Text from outside is made safe for a terminal; widths count characters, not bytes.
#include <string>
#include <string_view>
#include <vector>

namespace blockplug::cli {

// Without line breaks or escape sequences: control characters become \xNN, what is not UTF-8 becomes U+FFFD. The rest stays.
std::string harmless(std::string_view text);

// Its width in characters, each taken to be one column wide.
std::size_t width_of(std::string_view text);

// The text, padded with spaces on the right.
std::string padded(std::string text, std::size_t width);

class Table {
 public:
  explicit Table(std::vector<std::string> header);
  // As many cells as the header has; an empty cell shows "-".
  void add(std::vector<std::string> cells);
  // The header and all rows, without trailing spaces; empty where there is no row.
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace blockplug::cli
