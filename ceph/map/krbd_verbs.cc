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
#include "hotplug/base64.h"
#include "hotplug/host/file_descriptor.h"
#include "hotplug/host/helper/program.h"

namespace blockplug::rbd {
namespace {
namespace fs = std::filesystem;

// The kernel's time limits: for the monitors, and for another client's exclusive lock on the image.
constexpr const char* kLimits = "mount_timeout=5,lock_timeout=20";

Error refused(const std::string& why) { return no_effect(Code::FailedPrecondition, why); }

// Words are separated by spaces, options by commas.
Result<std::string> word(const Facts& arguments, std::string_view name) {
  auto text = fact(arguments, name);
  const auto cuts = [](char letter) { return static_cast<unsigned char>(letter) <= ' ' || letter == ',' || letter == 0x7f; };
  if (std::ranges::none_of(text, cuts)) return text;
  return no_effect(Code::InvalidArgument, "the kernel cannot map it: the " + std::string(name) +
                                              " has a space, a comma or a control character; set `mapper: fuse` for its backend");
}

Result<std::string> needed_word(const Facts& arguments, std::string_view name) {
  TRY(argument(arguments, name));
  return word(arguments, name);
}

Result<std::string> monitors_in(const Facts& arguments) {
  auto text = TRY(argument(arguments, "monitors"));
  constexpr std::string_view kAllowed = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.:[],-";
  if (text.find_first_not_of(kAllowed) == std::string::npos) return text;
  return no_effect(Code::InvalidArgument, "not monitor addresses: " + text);
}

Result<std::string> options_in(const Facts& arguments) {
  const auto mark = TRY(needed_word(arguments, "mark")), access = TRY(needed_word(arguments, "access"));
  if (!mark.starts_with("bp-") || (access != "ro" && access != "rw"))
    return no_effect(Code::InvalidArgument, "the mark or access argument is not valid");
  auto options = "name=" + TRY(needed_word(arguments, "user")) + ",key=" + mark + ",noshare," + kLimits;
  const auto seconds = TRY(needed_word(arguments, "osd_timeout_seconds"));
  if (seconds != "0") options += ",osd_request_timeout=" + seconds;
  if (access == "ro") options += ",ro";
  if (const auto mode = TRY(word(arguments, "ms_mode")); !mode.empty()) options += ",ms_mode=" + mode;
  if (const auto name_space = TRY(word(arguments, "namespace")); !name_space.empty()) options += ",_pool_ns=" + name_space;
  return options;
}

// The key is only in the keyring of this process, which ends soon; the mapping's client keeps its own copy.
Status add_key(const Facts& arguments) {
  const auto user = TRY(argument(arguments, "user")), mark = TRY(argument(arguments, "mark"));
  const auto keyrings = TRY(argument(arguments, "keyrings"));
  const auto key = TRY(key_from_keyrings(keyrings, user));
  auto secret = from_base64(key.reveal());
  const auto none = no_effect(Code::PermissionDenied, "the key of client." + user + " in " + keyrings +
                                                          " is not valid: it must be base64 as printed by `ceph auth get`");
  if (!secret) return none;
  const auto added = ::syscall(SYS_add_key, "ceph", mark.c_str(), secret->data(), secret->size(), KEY_SPEC_PROCESS_KEYRING);
  const int error = errno;
  ::explicit_bzero(secret->data(), secret->size());
  if (added >= 0) return Ok{};
  if (error == EINVAL) return none;
  if (error == ENODEV) return refused("this kernel does not know Ceph keys: run `modprobe rbd`");
  return no_effect(Code::Unavailable, std::string("cannot give the kernel the key of client.") + user + ": " +
                                          std::strerror(error) +
                                          (error == EPERM || error == ENOSYS ? " (a container needs permission for add_key)" : ""));
}

// Writes one command; returns its errno when the kernel is done.
int command(const fs::path& file, const std::string& line) {
  const FileDescriptor fd{::open(file.c_str(), O_WRONLY | O_CLOEXEC)};
  if (!fd.is_open()) return errno;
  ssize_t written{};
  do written = ::write(fd.get(), line.data(), line.size());
  while (written < 0 && errno == EINTR);
  return written < 0 ? errno : 0;
}

// Which of the two files exists depends on the module's parameter single_major.
int command_of(const Facts& arguments, const std::string& verb, const std::string& line) {
  const auto bus = fs::path{fact(arguments, "sysfs")} / "bus/rbd";
  const int error = command(bus / (verb + "_single_major"), line);
  return error == ENOENT && ::access((bus / (verb + "_single_major")).c_str(), F_OK) != 0 ? command(bus / verb, line) : error;
}

Error not_mapped(int error, const Facts& arguments) {
  const auto user = "client." + fact(arguments, "user");
  const auto image = image_name({.backend = {}, .pool = fact(arguments, "pool"), .name_space = fact(arguments, "namespace")},
                                fact(arguments, "image"));
  const auto make = [&](Code code, const std::string& why) {
    return no_effect(code, "the kernel cannot map " + image + ": " + why);
  };
  switch (error) {
    case ENOENT: return make(Code::NotFound, "the pool, namespace or image does not exist");
    case EACCES:
    case EPERM:
    case ENOKEY:
      return make(Code::PermissionDenied, "the cluster refuses " + user + ": check its key in " + fact(arguments, "keyrings") +
                                              " and its capabilities against `ceph auth get " + user + "`");
    case ETIMEDOUT:
      return make(Code::Unavailable, "neither the monitors at " + fact(arguments, "monitors") +
                                         " nor possibly the client that has its exclusive lock answered in time: see `dmesg`");
    case EROFS: return make(Code::FailedPrecondition, "another client keeps its exclusive lock: see `rbd lock ls " + image + "`");
    case ENXIO: return make(Code::FailedPrecondition, "it has features that this kernel lacks (see `dmesg`): set `mapper: fuse`");
    case EINVAL: return make(Code::InvalidArgument, "it rejects the request as invalid (see `dmesg`): set `mapper: fuse`");
    case ESHUTDOWN: return make(Code::Unavailable, "this host is on the cluster's blocklist: see `ceph osd blocklist ls`");
    default: return make(Code::Unavailable, std::string(std::strerror(error)) + " (`dmesg` may have details)");
  }
}

std::optional<KrbdDevice> mapped_as_desired(const Facts& arguments) {
  for (auto& device : krbd_devices(fact(arguments, "sysfs")))
    if (device.mark == fact(arguments, "mark") && device.pool == fact(arguments, "pool") && device.snapshot == "-" &&
        device.name_space == fact(arguments, "namespace") && device.image == fact(arguments, "image") &&
        (device.access == Access::ReadOnly) == (fact(arguments, "access") == "ro"))
      return std::move(device);
  return std::nullopt;
}

Result<Facts> map(const Facts& arguments) {
  TRY(argument(arguments, "sysfs"));
  const auto line = TRY(krbd_line(arguments));
  if (const auto device = mapped_as_desired(arguments)) return Facts{{"id", device->id}};
  TRY(add_key(arguments));
  if (const int error = command_of(arguments, "add", line); error != 0) return not_mapped(error, arguments);
  if (const auto device = mapped_as_desired(arguments)) return Facts{{"id", device->id}};
  return maybe_effect(Code::Unavailable,
                      "the kernel mapped " + fact(arguments, "image") + ", but it is gone: another program unmapped it; try again");
}

bool is_of_mark(const Facts& arguments) {
  const auto device = krbd_device(fact(arguments, "sysfs"), fact(arguments, "id"));
  return device && device->mark == fact(arguments, "mark");
}

// udevd reads a device that was just closed, so "busy" may be short; another process may also be removing it.
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
  if (!is_of_mark(arguments)) return refused("/dev/rbd" + id + " no longer belongs to this mapping; it will be mapped again");
  const int error = command(fs::path{sysfs} / "bus/rbd/devices" / id / "refresh", "1");
  if (error == 0) return Facts{};
  return no_effect(Code::Unavailable, "cannot refresh the size of /dev/rbd" + id + ": " + std::strerror(error));
}

Result<Facts> load(const Facts& arguments) {
  if (fact(arguments, "module") != "rbd") return no_effect(Code::InvalidArgument, "only the module rbd can be loaded");
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
