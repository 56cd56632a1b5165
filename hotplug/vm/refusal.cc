// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/refusal.h"

#include <array>
#include <string>

namespace blockplug {
namespace {
struct Row {
  std::string_view command;  // empty: any
  std::string_view text;     // part of QEMU's description
  Refusal meaning;
};
constexpr std::array kRows{
    Row{"", "while migrating", Refusal::Migrating},
    Row{"", "migration in progress", Refusal::Migrating},
    Row{"blockdev-add", "Duplicate nodes", Refusal::AlreadyThere},
    Row{"blockdev-add", "Connection timed out", Refusal::Transient},
    Row{"blockdev-add", "Failed to get \"write\" lock", Refusal::Transient},
    Row{"blockdev-add", "Failed to get shared \"write\" lock", Refusal::Transient},
    Row{"blockdev-add", "Too many open files", Refusal::NoRoom},
    Row{"blockdev-add", "Cannot allocate memory", Refusal::NoRoom},
    Row{"blockdev-add", "Input/output error", Refusal::Transient},
    Row{"object-add", "attempt to add duplicate property", Refusal::AlreadyThere},
    Row{"object-del", "not found", Refusal::Gone},
    Row{"object-del", "is in use", Refusal::InUse},
    Row{"add-fd", "No file descriptor supplied", Refusal::NoRoom},
    Row{"remove-fd", "not found", Refusal::Gone},
    Row{"blockdev-del", "Failed to find node", Refusal::Gone},
    Row{"blockdev-del", "is in use", Refusal::InUse},
    Row{"blockdev-del", "is busy: node is used as", Refusal::InUse},
    Row{"blockdev-del", "not owned by the monitor", Refusal::InUse},
    Row{"device_add", "Duplicate device ID", Refusal::AlreadyThere},
    Row{"device_add", "in use by", Refusal::PlaceTaken},
    Row{"device_add", "lun already used", Refusal::PlaceTaken},
    Row{"device_add", "can't find value", Refusal::NodeMissing},
    Row{"device_add", "Permission conflict", Refusal::NodeTaken},
    Row{"device_add", "is already in use", Refusal::NodeTaken},
    Row{"device_add", "Conflicts with use by", Refusal::NodeTaken},
    Row{"device_add", "Cannot allocate memory", Refusal::NoRoom},
    Row{"device_add", "in the process of unplug", Refusal::Unplugging},
    Row{"device_del", "in the process of unplug", Refusal::Unplugging},
    Row{"device_del", "guest is busy", Refusal::Unplugging},
    Row{"device_del", "is in use", Refusal::Unplugging},
};
}  // namespace

Refusal refusal_of(std::string_view command, const Error& error) {
  if (error.effect != Effect::None) return Refusal::None;
  if (error.code == Code::NotFound && command == "device_del") return Refusal::Gone;
  if (error.code != Code::NotFound && error.code != Code::FailedPrecondition) return Refusal::None;
  for (const auto& row : kRows)
    if ((row.command.empty() || row.command == command) && error.message.find(row.text) != std::string::npos) return row.meaning;
  return Refusal::None;
}

Error to_error(std::string_view command, Refusal refusal, Error error) {
  if (error.effect != Effect::None || (error.code != Code::NotFound && error.code != Code::FailedPrecondition)) return error;
  switch (refusal) {
    case Refusal::NoRoom: error.code = Code::ResourceExhausted; break;
    case Refusal::Transient:
    case Refusal::PlaceTaken:
    case Refusal::NodeMissing: error.code = Code::Unavailable; break;
    case Refusal::None:
      if (error.message.find("No such file or directory") != std::string::npos) error.code = Code::NotFound;
      break;
    case Refusal::AlreadyThere:
    case Refusal::Gone:
    case Refusal::InUse:
    case Refusal::Unplugging:
    case Refusal::NodeTaken:
    case Refusal::Migrating: break;
  }
  return within(std::string(command), std::move(error));
}

}  // namespace blockplug
