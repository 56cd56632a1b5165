// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/helper/program.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <exception>

#include "hotplug/host/file_descriptor.h"
#include "hotplug/host/helper/spawn.h"

namespace blockplug {
namespace {
constexpr std::string_view kArgument = "argument.", kFact = "fact.";
constexpr const char* kVerb = "verb";    // sorts behind all arguments
constexpr const char* kWhole = "whole";  // sorts behind all facts and errors

std::string read_all(int fd) {
  std::string text;
  char piece[4096];
  for (ssize_t got = 0; (got = ::read(fd, piece, sizeof piece)) != 0;) {
    if (got > 0) text.append(piece, static_cast<std::size_t>(got));
    if (got < 0 && errno != EINTR) break;
  }
  return text;
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(fd, text.data(), text.size());
    if (put > 0) text.remove_prefix(static_cast<std::size_t>(put));
    if (put < 0 && errno != EINTR) return;  // the daemon is gone
  }
}

// The pairs whose name begins with `prefix`, without the prefix.
Facts under(std::string_view prefix, const Facts& pairs) {
  Facts found;
  for (const auto& [name, value] : pairs)
    if (name.starts_with(prefix)) found[name.substr(prefix.size())] = value;
  return found;
}

Result<Facts> obey(const Verbs& verbs, const std::string& verb, const Facts& arguments) {
  const auto found = verbs.find(verb);
  if (found == verbs.end()) {
    return no_effect(Code::Unimplemented,
                     "blockplug-helper does not support '" + verb + "': its version differs from blockplugd's; reinstall both");
  }
  try {
    return found->second(arguments);
  } catch (const std::exception& exception) {
    return maybe_effect(Code::Internal, verb + " failed: " + exception.what());
  }
}

bool has_nul(const Facts& pairs) {
  return std::ranges::any_of(pairs, [](const auto& pair) { return (pair.first + pair.second).find('\0') != std::string::npos; });
}

std::string printable_end(const std::string& output) {
  constexpr std::size_t kLongest = 2000;
  std::string shown = output.substr(output.size() > kLongest ? output.size() - kLongest : 0);
  for (char& character : shown) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20) character = ' ';
    if (byte >= 0x7f) character = '?';
  }
  shown.erase(shown.find_last_not_of(' ') + 1);
  return shown;
}

// Collects a program's output, keeping only its end.
std::string read_end(int fd) {
  std::string text;
  char piece[4096];
  for (ssize_t got = 0; (got = ::read(fd, piece, sizeof piece)) != 0;) {
    if (got < 0 && errno != EINTR) break;
    if (got > 0) text.append(piece, static_cast<std::size_t>(got));
    if (text.size() > 2 * sizeof piece) text.erase(0, text.size() - sizeof piece);
  }
  return printable_end(text);
}
}  // namespace

Result<std::string> argument(const Facts& arguments, std::string_view name) {
  const auto found = arguments.find(name);
  if (found != arguments.end() && !found->second.empty()) return found->second;
  return no_effect(Code::InvalidArgument, "the argument " + std::string(name) + " is missing");
}

std::optional<std::string> find_program(const std::string& program) {
  if (program.find('/') != std::string::npos) return program;
  for (const char* directory : {"/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"})
    if (::access((directory + program).c_str(), X_OK) == 0) return directory + program;
  return std::nullopt;
}

int run_helper(const Verbs& verbs, int in, int out) {
  const auto request = decode(read_all(in));
  if (!request.ok() || !request->contains(kVerb)) return 1;
  const auto answer = encode_answer(obey(verbs, request->at(kVerb), under(kArgument, *request)));
  ::signal(SIGPIPE, SIG_IGN);  // the daemon may have left this helper behind
  write_all(out, answer);
  ::close(in);
  ::close(out);  // ends the answer even if this process takes long to exit
  return 0;
}

std::string encode(const Facts& pairs) {
  CHECK(!has_nul(pairs));
  std::string text;
  for (const auto& [name, value] : pairs) {
    text.append(name).push_back('\0');
    text.append(value).push_back('\0');
  }
  return text;
}

Result<Facts> decode(const std::string& text) {
  const auto cut = [](const char* why) {
    return no_effect(Code::InvalidArgument, std::string("not pairs of names and values: ") + why);
  };
  Facts pairs;
  for (std::size_t at = 0; at < text.size();) {
    const auto name_end = text.find('\0', at);
    if (name_end == std::string::npos) return cut("an unterminated name");
    const auto value_end = text.find('\0', name_end + 1);
    if (value_end == std::string::npos) return cut("an unterminated value");
    if (!pairs.emplace(text.substr(at, name_end - at), text.substr(name_end + 1, value_end - name_end - 1)).second)
      return cut("a duplicate name");
    at = value_end + 1;
  }
  return pairs;
}

std::string encode_request(const std::string& verb, const Facts& arguments) {
  Facts pairs{{kVerb, verb}};
  for (const auto& [name, value] : arguments) pairs[std::string(kArgument) + name] = value;
  return encode(pairs);
}

std::string encode_answer(const Result<Facts>& answer) {
  if (answer.ok() && has_nul(*answer)) return encode_answer(maybe_effect(Code::Internal, "an answer with a NUL byte"));
  Facts pairs{{kWhole, "yes"}};
  if (answer.ok()) {
    for (const auto& [name, value] : *answer) pairs[std::string(kFact) + name] = value;
    return encode(pairs);
  }
  pairs["error.code"] = to_text(answer.error().code);
  pairs["error.effect"] = answer.error().effect == Effect::None ? "none" : "unknown";
  pairs["error.message"] = answer.error().message.substr(0, answer.error().message.find('\0'));
  return encode(pairs);
}

std::optional<Result<Facts>> decode_answer(const std::string& text) {
  const auto pairs = decode(text);
  if (!pairs.ok() || !pairs->contains(kWhole)) return std::nullopt;
  const auto code = pairs->find("error.code");
  if (code == pairs->end()) return under(kFact, *pairs);
  const auto field = [&](const char* name) {
    const auto found = pairs->find(name);
    return found == pairs->end() ? std::string{} : found->second;
  };
  return Error{code_from_text(code->second).value_or(Code::Internal),
               field("error.effect") == "none" ? Effect::None : Effect::Unknown, field("error.message")};
}

Result<Ran> run_program(const std::vector<std::string>& command) {
  CHECK(!command.empty());
  const auto failed = [&](Code code, const std::string& why) {
    return no_effect(code, "cannot run " + command.front() + ": " + why);
  };
  const auto program = find_program(command.front());
  if (!program) return failed(Code::NotFound, "it is not in /usr/sbin, /sbin, /usr/bin or /bin: install it");
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return failed(Code::Unavailable, std::strerror(errno));
  const FileDescriptor from(ends[0]);
  FileDescriptor to(ends[1]);
  const FileDescriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!nothing.is_open()) return failed(Code::Unavailable, std::string("/dev/null: ") + std::strerror(errno));
  pid_t pid{};
  const int error = spawn(*program, command, {.in = nothing.get(), .out = to.get(), .error = to.get(), .flags = 0}, pid);
  if (error != 0) return failed(error == ENOENT ? Code::NotFound : Code::Unavailable, std::strerror(error));
  to = {};
  Ran ran{.exit_status = 0, .output = read_end(from.get())};
  int status{};
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  ran.exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return ran;
}

}  // namespace blockplug
