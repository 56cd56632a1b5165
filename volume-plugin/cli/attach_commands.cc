// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/attach_commands.h"

#include <CLI/CLI.hpp>
#include <sstream>

#include "volume-plugin/cli/arguments.h"
#include "volume-plugin/cli/attachment_text.h"
#include "volume-plugin/cli/follow.h"
#include "volume-plugin/cli/json.h"
#include "volume-plugin/cli/table.h"

namespace blockplug::cli {
namespace {
using std::chrono::milliseconds;
constexpr milliseconds kTimeout = std::chrono::seconds{60};

Result<v1::Attachment> attach_and_follow(const Session& session, const v1::AttachRequest& request, milliseconds timeout) {
  const Follow follow(session, request.volume());
  return session.client.attach(request, {timeout, session.console.interrupted});
}

Status attach(const Session& session, const v1::AttachRequest& request, milliseconds timeout) {
  const auto attachment = TRY(attach_and_follow(session, request, timeout));
  const auto& path = request.path().empty() ? request.guest_path() : request.path();
  session.console.out << (session.is_json() ? attachment_json(attachment) : attached_text(attachment, path) + "\n");
  return Ok{};
}

Result<v1::DetachResponse> detach_and_follow(const Session& session, const v1::DetachRequest& request, milliseconds timeout) {
  const Follow follow(session, request.volume());
  return session.client.detach(request, {timeout, session.console.interrupted});
}

std::string detached_text(const v1::DetachRequest& request) {
  auto text = request.volume() + " is detached";
  if (!request.vm().empty()) text += " from vm:" + request.vm();
  if (!request.path().empty()) text += " from host at " + request.path();
  return harmless(text) + "\n";
}

Status detach(const Session& session, const v1::DetachRequest& request, milliseconds timeout) {
  TRY(detach_and_follow(session, request, timeout));
  session.console.out << (session.is_json() ? detached_json(request) : detached_text(request));
  return Ok{};
}

template <typename Request>
struct Options {
  Request request;
  milliseconds timeout{kTimeout};
};

// Which options cannot be combined; empty: all can. Each value has been validated before.
std::string fault_in(const v1::AttachRequest& it) {
  const bool has_mount = !it.guest_path().empty() || (!it.path().empty() && !it.block());
  if (it.vm().empty() && it.path().empty()) return "no target given: use --vm ID or --path DIR";
  if (!it.vm().empty() && !it.path().empty()) return "--vm and --path cannot be used together";
  if (it.vm().empty() && !it.guest_path().empty()) return "--guest-path needs --vm";
  if (it.vm().empty() && it.wait_for_vm()) return "--wait-for-vm needs --vm";
  if (it.path().empty() && it.block()) return "--block needs --path";
  if (it.block() && !it.filesystem().empty())
    return "--block and --fs cannot be used together: a raw block device gets no file system";
  if (it.block() && !it.mount_flags().empty())
    return "--block and --mount-flags cannot be used together: a raw block device is not mounted";
  if (!has_mount && !it.filesystem().empty())
    return "--fs needs --guest-path or --path: a disk that is only plugged gets no file system";
  if (!has_mount && !it.mount_flags().empty())
    return "--mount-flags needs --guest-path or --path: a disk that is only plugged is not mounted";
  return {};
}

std::string fault_in(const v1::DetachRequest& it) {
  if (!it.vm().empty() && !it.path().empty()) return "--vm and --path cannot be used together";
  if (it.force() && !it.path().empty())
    return "--force works for VMs only: a mount in use on the host is never removed by force; leave out --path or --force";
  return {};
}

// Split at commas, but not at those in a quoted value: context="a:b:c0,c1".
std::vector<std::string> flags_in(const std::string& text) {
  std::vector<std::string> flags(1);
  bool is_quoted = false;
  for (const char letter : text) {
    if (letter == '"') is_quoted = !is_quoted;
    if (letter == ',' && !is_quoted)
      flags.emplace_back();
    else
      flags.back() += letter;
  }
  std::erase(flags, "");
  return flags;
}

void add_mount_flags(CLI::App& command, v1::AttachRequest& request) {
  const auto take = [&request](const std::string& text) {
    for (const auto& flag : flags_in(text)) request.add_mount_flags(flag);
    if (request.mount_flags().empty())
      throw CLI::ValidationError("--mount-flags", "the list is empty; give flags such as noatime,nodev");
  };
  command.add_option_function<std::string>("--mount-flags", take, "mount options, such as noatime,nodev")->type_name("FLAGS");
}

template <typename Request>
using Perform = Status (*)(const Session&, const Request&, milliseconds);

template <typename Request>
void choose(CLI::App& command, Command& chosen, const std::shared_ptr<Options<Request>>& options, Perform<Request> perform) {
  add_timeout_option(command, options->timeout);
  command.callback([&chosen, options, perform] {
    if (const auto fault = fault_in(options->request); !fault.empty()) throw CLI::ValidationError(fault);
    chosen = {Asked::Attachment, options->request.volume(),
              [options, perform](const Session& session) { return perform(session, options->request, options->timeout); }};
  });
}
}  // namespace

void add_attach_command(CLI::App& attachment, Command& chosen) {
  auto* command = attachment.add_subcommand(
      "attach",
      "Attaches a volume to a VM as a disk, or to a path of this host (mounted, or raw with --block); succeeds if it already is");
  const auto options = std::make_shared<Options<v1::AttachRequest>>();
  auto& request = options->request;
  add_volume_argument(*command, *request.mutable_volume());
  add_vm_option(*command, *request.mutable_vm(), "the VM that gets the disk");
  add_path_option(*command, "--guest-path", *request.mutable_guest_path(), "with --vm: where to mount it in the guest");
  command->add_flag_callback(
      "--wait-for-vm", [&request] { request.set_wait_for_vm(true); },
      "with --vm: accept a VM that is not running yet, and attach when it starts");
  add_path_option(*command, "--path", *request.mutable_path(), "where to mount it on this host; created if missing");
  command->add_flag_callback(
      "--block", [&request] { request.set_block(true); }, "with --path: the raw block device, not mounted");
  command
      ->add_option_function<std::string>(
          "--fs", [&request](const std::string& text) { request.set_filesystem(text); },
          "the file system; a blank volume is formatted with it [the existing one, else ext4]")
      ->check(CLI::IsMember({"ext4", "xfs"}));
  command->add_flag_callback(
      "--read-only", [&request] { request.set_read_only(true); }, "no writes through this attachment");
  add_mount_flags(*command, request);
  choose<v1::AttachRequest>(*command, chosen, options, attach);
}

void add_detach_command(CLI::App& attachment, Command& chosen) {
  auto* command = attachment.add_subcommand("detach", "Detaches a volume; succeeds if it already is");
  const auto options = std::make_shared<Options<v1::DetachRequest>>();
  auto& request = options->request;
  add_volume_argument(*command, *request.mutable_volume());
  add_vm_option(*command, *request.mutable_vm(), "from this VM [wherever it is attached]");
  add_path_option(*command, "--path", *request.mutable_path(), "from this path of this host only");
  command->add_flag_callback(
      "--force", [&request] { request.set_force(true); },
      "unplug from a VM even if the guest has not unmounted it: data that the guest has not written is lost");
  choose<v1::DetachRequest>(*command, chosen, options, detach);
}

}  // namespace blockplug::cli
