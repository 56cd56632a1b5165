// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/daemon/machine.h"

#include "hotplug/guest/guest_usage.h"
#include "volume-plugin/doctor/doctor.h"

namespace blockplug {

MachineParts::MachineParts(const Config& config, EventSink& events, std::function<Status(const VolumeId&)> storage_answers)
    : socket_pattern_(config.vms.sockets),
      events_(events),
      vms_({.socket_pattern = config.vms.sockets,
            .book_directory = config.run_dir + "/vms",
            .storage_answers = std::move(storage_answers)},
           events),
      helper_(doctor::beside_this_program("blockplug-helper"), config.run_dir + "/helpers"),
      block_events_(events),
      mount_watch_(events),
      processes_(events) {}

Status MachineParts::start() {
  TRY(vms_.start());
  TRY(block_events_.start());
  TRY(mount_watch_.start());
  return processes_.start();
}

void MachineParts::stop() {
  block_events_.stop();
  mount_watch_.stop();
  processes_.stop();
  vms_.stop();
}

Status MachineParts::serves(const TargetId&) const { return Ok{}; }

Status MachineParts::check_present(const TargetId& target) const {
  if (kind_of(target) != "vm") return Ok{};
  const auto vm = name_of(target);
  if (vms_.has_socket(vm)) return Ok{};
  auto path = socket_pattern_;
  path.replace(path.find("{vm}"), 4, vm);
  return no_effect(Code::NotFound, "VM " + vm + ": no QMP socket at " + path + ". Start the VM first, or use --wait-for-vm");
}

Result<mount::Usage> MachineParts::usage(const AttachmentKey& key, const std::string& path, const std::string& number,
                                         Time deadline) {
  if (kind_of(key.target) == "vm") return guest_usage_of(vms_, name_of(key.target), path, number, deadline);
  return mount::usage_of(helper_, key.volume, path, number, deadline);
}

Status NoTargets::serves(const TargetId& target) const {
  return no_effect(Code::FailedPrecondition, "this daemon has role: controller, and attaches nothing to " + target.str() +
                                                 ". Ask the daemon on the node where it is, which has role: node or role: all");
}

Status NoTargets::check_present(const TargetId& target) const { return serves(target); }

Result<mount::Usage> NoTargets::usage(const AttachmentKey& key, const std::string&, const std::string&, Time) {
  TRY(serves(key.target));
  return mount::Usage{};
}

}  // namespace blockplug
