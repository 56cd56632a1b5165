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

// Which words do not go together; empty: they do. What each may hold was checked before.
std::string fault_in(const v1::AttachRequest& it) {
  const bool has_mount = !it.guest_path().empty() || (!it.path().empty() && !it.block());
  if (it.vm().empty() && it.path().empty()) return "say where: --vm ID, or --path DIR";
  if (!it.vm().empty() && !it.path().empty()) return "--vm and --path: say one of them";
  if (it.vm().empty() && !it.guest_path().empty()) return "--guest-path needs --vm";
  if (it.vm().empty() && it.wait_for_vm()) return "--wait-for-vm needs --vm";
  if (it.path().empty() && it.block()) return "--block needs --path";
  if (it.block() && !it.filesystem().empty()) return "--block and --fs: a block device is given as it is; leave one of them out";
  if (it.block() && !it.mount_flags().empty())
    return "--block and --mount-flags: a block device is not mounted; leave one of them out";
  if (!has_mount && !it.filesystem().empty()) return "--fs needs --guest-path or --path: a disk alone gets no file system";
  if (!has_mount && !it.mount_flags().empty()) return "--mount-flags needs --guest-path or --path: a disk alone is not mounted";
  return {};
}

std::string fault_in(const v1::DetachRequest& it) {
  if (!it.vm().empty() && !it.path().empty()) return "--vm and --path: say one of them";
  if (it.force() && !it.path().empty())
    return "--force is for VMs: a mount that is in use is never torn away; leave out --path or --force";
  return {};
}

void add_mount_flags(CLI::App& command, v1::AttachRequest& request) {
  const auto take = [&request](const std::string& text) {
    std::istringstream flags(text);
    for (std::string flag; std::getline(flags, flag, ',');)
      if (!flag.empty()) request.add_mount_flags(flag);
    if (request.mount_flags().empty()) throw CLI::ValidationError("--mount-flags", "none is named, such as noatime,nodev");
  };
  command.add_option_function<std::string>("--mount-flags", take, "of the mount, such as noatime,nodev")->type_name("FLAGS");
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
      "Gives a volume to a VM as a disk, or to this host at a path (mounted, or with --block as it is); already so is fine");
  const auto options = std::make_shared<Options<v1::AttachRequest>>();
  auto& request = options->request;
  add_volume_argument(*command, *request.mutable_volume());
  add_vm_option(*command, *request.mutable_vm(), "the VM that is to see it as a disk");
  add_path_option(*command, "--guest-path", *request.mutable_guest_path(), "with --vm: where the guest is to mount it");
  command->add_flag_callback(
      "--wait-for-vm", [&request] { request.set_wait_for_vm(true); }, "with --vm: it need not be there yet");
  add_path_option(*command, "--path", *request.mutable_path(), "where this host is to have it; made if missing");
  command->add_flag_callback(
      "--block", [&request] { request.set_block(true); }, "with --path: the device itself, not mounted");
  command
      ->add_option_function<std::string>(
          "--fs", [&request](const std::string& text) { request.set_filesystem(text); },
          "the file system; made on a blank volume [what is there, else ext4]")
      ->check(CLI::IsMember({"ext4", "xfs"}));
  command->add_flag_callback(
      "--read-only", [&request] { request.set_read_only(true); }, "nobody there can write to it");
  add_mount_flags(*command, request);
  choose<v1::AttachRequest>(*command, chosen, options, attach);
}

void add_detach_command(CLI::App& attachment, Command& chosen) {
  auto* command = attachment.add_subcommand("detach", "Takes a volume away from where it is attached; detached already is fine");
  const auto options = std::make_shared<Options<v1::DetachRequest>>();
  auto& request = options->request;
  add_volume_argument(*command, *request.mutable_volume());
  add_vm_option(*command, *request.mutable_vm(), "from which VM; else from wherever it is");
  add_path_option(*command, "--path", *request.mutable_path(), "from this path of the host only");
  command->add_flag_callback(
      "--force", [&request] { request.set_force(true); },
      "from a VM although its guest has not unmounted it: what it has not written is lost");
  choose<v1::DetachRequest>(*command, chosen, options, detach);
}

}  // namespace blockplug::cli
