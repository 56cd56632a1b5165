// SPDX-License-Identifier: Apache-2.0
#pragma once
// The helper's side of Helper: how the program blockplug-helper handles its one request.
//
// Request on stdin, answer on stdout, both as "name NUL value NUL" pairs, sorted by name, until the end of the stream. A request
// has "argument.<name>" and, last, "verb"; an answer has "fact.<name>", or "error.code", "error.effect" and "error.message", and,
// last, "whole". Without its last pair it is incomplete: such a request is ignored (the daemon died), such an answer is invalid.
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attach-detach/outcome.h"

namespace blockplug {

using Verb = std::function<Result<Facts>(const Facts& arguments)>;
using Verbs = std::map<std::string, Verb, std::less<>>;

// Of a verb's arguments. InvalidArgument: it is missing or empty.
Result<std::string> argument(const Facts& arguments, std::string_view name);

// Reads one request, runs its verb, writes the answer and closes `out`. The program's exit status: 0 answered, 1 invalid request.
int run_helper(const Verbs& verbs, int in, int out);

// No name or value may contain a NUL byte (a bug).
std::string encode(const Facts& pairs);
Result<Facts> decode(const std::string& text);  // InvalidArgument: incomplete

// The formats of request and answer, for both sides.
std::string encode_request(const std::string& verb, const Facts& arguments);
std::string encode_answer(const Result<Facts>& answer);
std::optional<Result<Facts>> decode_answer(const std::string& text);  // nullopt: invalid or incomplete

// Inside a helper: runs a system program (mkfs.ext4, e2fsck, resize2fs) without a shell or stdin, and waits for it.
struct Ran {
  int exit_status{};   // 128 + n: ended by signal n
  std::string output;  // stdout and stderr, printable, at most the last 2,000 bytes
};
// Where it is in /usr/sbin, /sbin, /usr/bin or /bin; a path is returned as it is.
std::optional<std::string> find_program(const std::string& program);
// NotFound: no such program in /usr/sbin, /sbin, /usr/bin or /bin. All its errors have effect None.
Result<Ran> run_program(const std::vector<std::string>& command);

}  // namespace blockplug
