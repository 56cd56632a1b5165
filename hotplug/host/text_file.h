// SPDX-License-Identifier: Apache-2.0
#pragma once
// A small file as text. Free functions, any thread; they throw nothing, where std::istreambuf_iterator would: of a process that
// ends while its /proc is read, and of other files that cannot be read (to the end), it is what could be read.
#include <filesystem>
#include <fstream>
#include <string>

namespace blockplug {

// True: `text` has all of it now.
inline bool read_text(const std::filesystem::path& path, std::string& text) {
  std::ifstream file{path};
  if (!file) return false;
  char part[4096];
  while (file.read(part, sizeof part) || file.gcount() > 0) text.append(part, static_cast<std::size_t>(file.gcount()));
  return !file.bad();
}

inline std::string text_of(const std::filesystem::path& path) {
  std::string text;
  read_text(path, text);
  return text;
}

// Without its newline.
inline std::string first_line_of(const std::filesystem::path& path) {
  std::ifstream file{path};
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace blockplug
