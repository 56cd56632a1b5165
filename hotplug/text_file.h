// SPDX-License-Identifier: Apache-2.0
#pragma once
// A small file as text. Free function, any thread; throws nothing, where std::istreambuf_iterator would: of a process that ends while
// its /proc is read, and of other files that cannot be read (to the end), it is what could be read.
#include <filesystem>
#include <fstream>
#include <string>

namespace blockplug {

inline std::string text_of(const std::filesystem::path& path) {
  std::ifstream file{path};
  std::string text;
  char part[4096];
  while (file.read(part, sizeof part) || file.gcount() > 0) text.append(part, static_cast<std::size_t>(file.gcount()));
  return text;
}

}  // namespace blockplug
