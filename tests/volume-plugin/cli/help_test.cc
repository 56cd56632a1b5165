// SPDX-License-Identifier: Apache-2.0
// What `--help` prints, of every command: a change of words or options shows in the review.
#include <gtest/gtest.h>

#include <sstream>

#include "tests/volume-plugin/cli/golden.h"
#include "tests/volume-plugin/cli/program.h"

namespace blockplug::cli::testing {
namespace {

// The names below "Subcommands:", each at the beginning of a line.
std::vector<std::string> subcommands_in(const std::string& help) {
  std::vector<std::string> names;
  std::istringstream lines(help);
  bool is_below = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("Subcommands:")) is_below = true;
    const bool is_one = is_below && line.starts_with("  ") && line.size() > 2 && line[2] != ' ';
    if (is_one) names.push_back(line.substr(2, line.find(' ', 2) - 2));
  }
  return names;
}

void add_help(Program& program, const std::vector<std::string>& command, std::string& text, int& count) {
  auto words = command;
  words.emplace_back("--help");
  const auto said = program.run(words);
  EXPECT_EQ(said.code, ExitCode{});
  EXPECT_EQ(said.err, "");
  text += "$ blockplug";
  for (const auto& word : words) text += " " + word;
  text += "\n" + said.out + "\n";
  ++count;
  for (const auto& name : subcommands_in(said.out)) {
    auto below = command;
    below.push_back(name);
    add_help(program, below, text, count);
  }
}

TEST(Help, SaysTheSameAsBeforeOfEveryCommand) {
  Program program;
  std::string text;
  int count = 0;
  add_help(program, {}, text, count);
  EXPECT_GT(count, 25) << "not all commands were found";
  expect_golden("help.txt", text);
}

}  // namespace
}  // namespace blockplug::cli::testing
