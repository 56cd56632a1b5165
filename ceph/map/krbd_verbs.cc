// SPDX-License-Identifier: Apache-2.0
#include "ceph/map/krbd_verbs.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "ceph/key.h"
#include "ceph/map/krbd_devices.h"
#include "ceph/place.h"
#include "hotplug/guest/base64.h"
#include "hotplug/qmp/file_descriptor.h"

namespace blockplug::rbd {
namespace {
namespace fs = std::filesystem;
using qmp::FileDescriptor;

// What the kernel waits for at most: its monitors, and another client's exclusive lock on the image.
constexpr const char* kLimits = "mount_timeout=5,lock_timeout=20";

Error refused(const std::string& why) { return no_effect(Code::FailedPrecondition, why); }

Result<std::string> argument(const Facts& arguments, std::string_view name) {
  const auto found = arguments.find(name);
  if (found != arguments.end() && !found->second.empty()) return found->second;
  return no_effect(Code::InvalidArgument, "the argument " + std::string(name) + " is missing");
}

std::string perhaps(const Facts& arguments, std::string_view name) {
  const auto found = arguments.find(name);
  return found == arguments.end() ? std::string{} : found->second;
}

// Words are told apart by spaces, options by commas.
Result<std::string> word(const Facts& arguments, std::string_view name) {
  auto text = perhaps(arguments, name);
  const auto cuts = [](char letter) { return static_cast<unsigned char>(letter) <= ' ' || letter == ',' || letter == 0x7f; };
  if (std::ranges::none_of(text, cuts)) return text;
  return no_effect(Code::InvalidArgument, "the kernel cannot map it: the " + std::string(name) +
                                              " has a space, a comma or a control character; say `mapper: fuse` for its backend");
}

Result<std::string> needed_word(const Facts& arguments, std::string_view name) {
  TRY(argument(arguments, name));
  return word(arguments, name);
}

Result<std::string> monitors_in(const Facts& arguments) {
  auto text = TRY(argument(arguments, "monitors"));
  constexpr std::string_view kAllowed = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.:[],-";
  if (text.find_first_not_of(kAllowed) == std::string::npos) return text;
  return no_effect(Code::InvalidArgument, "these are no addresses of monitors: " + text);
}

Result<std::string> options_in(const Facts& arguments) {
  const auto mark = TRY(needed_word(arguments, "mark")), access = TRY(needed_word(arguments, "access"));
  if (!mark.starts_with("bp-") || (access != "ro" && access != "rw"))
    return no_effect(Code::InvalidArgument, "mark or access is not as it must be");
  auto options = "name=" + TRY(needed_word(arguments, "user")) + ",key=" + mark + ",noshare," + kLimits;
  const auto seconds = TRY(needed_word(arguments, "osd_timeout_seconds"));
  if (seconds != "0") options += ",osd_request_timeout=" + seconds;
  if (access == "ro") options += ",ro";
  if (const auto mode = TRY(word(arguments, "ms_mode")); !mode.empty()) options += ",ms_mode=" + mode;
  if (const auto name_space = TRY(word(arguments, "namespace")); !name_space.empty()) options += ",_pool_ns=" + name_space;
  return options;
}

// Only this process, which ends soon, has the key in its keyring; the mapping's client keeps what it made of it.
Status add_key(const Facts& arguments) {
  const auto user = TRY(argument(arguments, "user")), mark = TRY(argument(arguments, "mark"));
  const auto keyrings = TRY(argument(arguments, "keyrings"));
  const auto key = TRY(key_from_keyrings(keyrings, user));
  auto secret = from_base64(key.reveal());
  const auto none = no_effect(Code::PermissionDenied, "the key of client." + user + " in " + keyrings +
                                                          " is none: it must be base64 as `ceph auth get` prints it");
  if (!secret) return none;
  const auto added = ::syscall(SYS_add_key, "ceph", mark.c_str(), secret->data(), secret->size(), KEY_SPEC_PROCESS_KEYRING);
  const int error = errno;
  ::explicit_bzero(secret->data(), secret->size());
  if (added >= 0) return Ok{};
  if (error == EINVAL) return none;
  if (error == ENODEV) return refused("this kernel has no keys for Ceph: run `modprobe rbd`");
  return no_effect(Code::Unavailable, std::string("cannot give the kernel the key of client.") + user + ": " +
                                          std::strerror(error) +
                                          (error == EPERM || error == ENOSYS ? " (a container must be allowed add_key)" : ""));
}

// The error number of one command, written at once; it returns when it is done.
int command(const fs::path& file, const std::string& line) {
  const FileDescriptor fd{::open(file.c_str(), O_WRONLY | O_CLOEXEC)};
  if (!fd.is_open()) return errno;
  ssize_t written{};
  do written = ::write(fd.get(), line.data(), line.size());
  while (written < 0 && errno == EINTR);
  return written < 0 ? errno : 0;
}

// Which of the two there is depends on the module's parameter single_major.
int command_of(const Facts& arguments, const std::string& verb, const std::string& line) {
  const auto bus = fs::path{perhaps(arguments, "sysfs")} / "bus/rbd";
  const int error = command(bus / (verb + "_single_major"), line);
  return error == ENOENT && ::access((bus / (verb + "_single_major")).c_str(), F_OK) != 0 ? command(bus / verb, line) : error;
}

Error not_mapped(int error, const Facts& arguments) {
  const auto user = "client." + perhaps(arguments, "user");
  const auto image = image_name({.backend = {}, .pool = perhaps(arguments, "pool"), .name_space = perhaps(arguments, "namespace")},
                                perhaps(arguments, "image"));
  const auto make = [&](Code code, const std::string& why) {
    return no_effect(code, "the kernel cannot map " + image + ": " + why);
  };
  switch (error) {
    case ENOENT: return make(Code::NotFound, "there is no such pool, namespace or image (any more)");
    case EACCES:
    case EPERM:
    case ENOKEY:
      return make(Code::PermissionDenied, "the cluster refuses " + user + ": check its key in " + perhaps(arguments, "keyrings") +
                                              " and its capabilities against `ceph auth get " + user + "`");
    case ETIMEDOUT:
      return make(Code::Unavailable,
                  "neither the monitors at " + perhaps(arguments, "monitors") +
                      " nor, perhaps, the client that has its exclusive lock answered in time: `dmesg` says which");
    case EROFS:
      return make(Code::FailedPrecondition, "another client keeps its exclusive lock: `rbd lock ls " + image + "` says which");
    case ENXIO:
      return make(Code::FailedPrecondition, "it has features that this kernel lacks (`dmesg` says which): say `mapper: fuse`");
    case EINVAL:
      return make(Code::InvalidArgument, "it does not understand what it is told (`dmesg` says what): say `mapper: fuse`");
    case ESHUTDOWN: return make(Code::Unavailable, "this host is fenced: `ceph osd blocklist ls` says for how long");
    default: return make(Code::Unavailable, std::string(std::strerror(error)) + " (`dmesg` may say more)");
  }
}

std::optional<KrbdDevice> mapped_as_wished(const Facts& arguments) {
  for (auto& device : krbd_devices(perhaps(arguments, "sysfs")))
    if (device.mark == perhaps(arguments, "mark") && device.pool == perhaps(arguments, "pool") && device.snapshot == "-" &&
        device.name_space == perhaps(arguments, "namespace") && device.image == perhaps(arguments, "image") &&
        (device.access == Access::ReadOnly) == (perhaps(arguments, "access") == "ro"))
      return std::move(device);
  return std::nullopt;
}

Result<Facts> map(const Facts& arguments) {
  TRY(argument(arguments, "sysfs"));
  const auto line = TRY(krbd_line(arguments));
  if (const auto device = mapped_as_wished(arguments)) return Facts{{"id", device->id}};
  TRY(add_key(arguments));
  if (const int error = command_of(arguments, "add", line); error != 0) return not_mapped(error, arguments);
  if (const auto device = mapped_as_wished(arguments)) return Facts{{"id", device->id}};
  return maybe_effect(Code::Unavailable, "the kernel mapped " + perhaps(arguments, "image") +
                                             ", and it is not there: somebody unmapped it, try again");
}

bool is_of_mark(const Facts& arguments) {
  const auto device = krbd_device(perhaps(arguments, "sysfs"), perhaps(arguments, "id"));
  return device && device->mark == perhaps(arguments, "mark");
}

// udevd looks at what was just closed, so "busy" may be over in a moment; another may be removing it, too.
Result<Facts> unmap(const Facts& arguments) {
  const auto id = TRY(argument(arguments, "id"));
  TRY(argument(arguments, "sysfs"));
  TRY(argument(arguments, "mark"));
  const auto path = "/dev/rbd" + id;
  int error = 0;
  for (int round = 0; round < 40; ++round) {
    if (!is_of_mark(arguments)) return Facts{};
    {
      const FileDescriptor alone{::open(path.c_str(), O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC)};
      if (!alone.is_open() && errno == EBUSY) return refused(path + " is still in use: unmount or close what uses it");
    }
    error = command_of(arguments, "remove", id);
    if (error == 0 || error == ENOENT) return Facts{};
    if (error != EBUSY && error != EINPROGRESS) break;
    ::poll(nullptr, 0, 50);
  }
  if (error == EBUSY) return refused(path + " is still in use: unmount or close what uses it");
  return maybe_effect(Code::Unavailable, "cannot unmap " + path + ": " + std::strerror(error));
}

Result<Facts> refresh(const Facts& arguments) {
  const auto id = TRY(argument(arguments, "id")), sysfs = TRY(argument(arguments, "sysfs"));
  if (!is_of_mark(arguments)) return refused("/dev/rbd" + id + " is not ours any more: it is to be mapped again");
  const int error = command(fs::path{sysfs} / "bus/rbd/devices" / id / "refresh", "1");
  if (error == 0) return Facts{};
  return no_effect(Code::Unavailable, "cannot tell /dev/rbd" + id + " its new size: " + std::strerror(error));
}

Result<Facts> load(const Facts& arguments) {
  if (perhaps(arguments, "module") != "rbd") return no_effect(Code::InvalidArgument, "only the module rbd is loaded");
  const auto ran = TRY(run_program({"modprobe", "rbd"}));
  return ran.exit_status == 0 ? Result<Facts>{Facts{}} : refused("`modprobe rbd`: " + ran.output);
}
}  // namespace

Result<std::string> krbd_line(const Facts& arguments) {
  return TRY(monitors_in(arguments)) + " " + TRY(options_in(arguments)) + " " + TRY(needed_word(arguments, "pool")) + " " +
         TRY(needed_word(arguments, "image")) + " -";
}

Verbs krbd_verbs() { return {{"krbd-map", map}, {"krbd-unmap", unmap}, {"krbd-refresh", refresh}, {"load-module", load}}; }

}  // namespace blockplug::rbd
