// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/doctor_text.h"

#include <sstream>

#include "volume-plugin/cli/table.h"

namespace blockplug::cli {

std::string checks_text(const v1::DoctorResponse& response) {
  Table table({"STATE", "NAME", "FOUND"});
  for (const auto& check : response.checks()) table.add({check.state(), check.name(), check.found()});
  std::istringstream lines(table.text());
  std::string text, line;
  std::getline(lines, line);
  const std::string below(line.rfind("FOUND") == std::string::npos ? 0 : line.rfind("FOUND"), ' ');
  if (!line.empty()) text = line + "\n";
  for (const auto& check : response.checks()) {
    std::getline(lines, line);
    text += line + "\n";
    if (check.remedy().empty()) continue;
    text += below + harmless("needed for: " + check.needed_for()) + "\n";
    text += below + harmless("fix: " + check.remedy()) + "\n";
  }
  return text;
}

std::string missing_text(const v1::DoctorResponse& response) {
  int count = 0;
  std::string names;
  for (const auto& check : response.checks()) {
    if (check.state() != "missing") continue;
    ++count;
    names += (names.empty() ? "" : ", ") + check.name();
  }
  if (count == 0) return {};
  return std::to_string(count) + (count == 1 ? " check" : " checks") + " failed: " + names;
}

}  // namespace blockplug::cli
