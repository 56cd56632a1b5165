// SPDX-License-Identifier: Apache-2.0
#pragma once
// The other side of Helper: what the program blockplug-helper does with its one request.
//
// Request on stdin, answer on stdout, both as "name NUL value NUL" pairs until the end of the stream. A request has "verb" and the
// arguments as "argument.<name>"; an answer has "fact.<name>", or "error.code", "error.effect" and "error.message".
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "attach-detach/outcome.h"

namespace blockplug {

using Verb = std::function<Result<Facts>(const Facts& arguments)>;
using Verbs = std::map<std::string, Verb, std::less<>>;

// Reads one request, runs its verb, writes the answer. The program's exit status: 0 answered, 1 a request that is none.
int run_helper(const Verbs& verbs, int in, int out);

std::string encode(const Facts& pairs);
Result<Facts> decode(const std::string& text);  // InvalidArgument where it is not whole

// Inside a helper: runs a program of the system (mkfs.ext4, e2fsck, resize2fs) with no shell and no stdin, and waits for it.
struct Ran {
  int exit_status{};    // 128 + n: ended by signal n
  std::string output;   // stdout and stderr, printable, at most the last 2,000 bytes
};
// NotFound: no such program in /usr/sbin, /sbin, /usr/bin or /bin.
Result<Ran> run_program(const std::vector<std::string>& command);

}  // namespace blockplug
