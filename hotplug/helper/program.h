// SPDX-License-Identifier: Apache-2.0
#pragma once
// The other side of Helper: what the program blockplug-helper does with its one request.
//
// Request on stdin, answer on stdout, both as "name NUL value NUL" pairs, sorted by name, until the end of the stream. A request
// has "argument.<name>" and, last, "verb"; an answer has "fact.<name>", or "error.code", "error.effect" and "error.message", and,
// last, "whole". One without its last pair was cut short: such a request is not obeyed (the daemon died), such an answer is none.
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/outcome.h"

namespace blockplug {

using Verb = std::function<Result<Facts>(const Facts& arguments)>;
using Verbs = std::map<std::string, Verb, std::less<>>;

// Reads one request, runs its verb, writes the answer and closes `out`. The program's exit status: 0 answered, 1 a request that
// is none.
int run_helper(const Verbs& verbs, int in, int out);

// No name or value may hold a NUL byte (our bug).
std::string encode(const Facts& pairs);
Result<Facts> decode(const std::string& text);  // InvalidArgument where it is not whole

// Both ends' idea of a request and of an answer.
std::string encode_request(const std::string& verb, const Facts& arguments);
std::string encode_answer(const Result<Facts>& answer);
std::optional<Result<Facts>> decode_answer(const std::string& text);  // nullopt: it is none, or not whole

// Inside a helper: runs a program of the system (mkfs.ext4, e2fsck, resize2fs) with no shell and no stdin, and waits for it.
struct Ran {
  int exit_status{};   // 128 + n: ended by signal n
  std::string output;  // stdout and stderr, printable, at most the last 2,000 bytes
};
// NotFound: no such program in /usr/sbin, /sbin, /usr/bin or /bin. All its errors have effect None.
Result<Ran> run_program(const std::vector<std::string>& command);

}  // namespace blockplug
