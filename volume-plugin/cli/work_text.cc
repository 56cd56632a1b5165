// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/work_text.h"

#include "volume-plugin/cli/table.h"
#include "volume-plugin/cli/time_text.h"

namespace blockplug::cli {
namespace {
// "in 4s"; "now" for a time that has passed.
std::string until(const google::protobuf::Timestamp& time, WallClock::time_point now) {
  const auto left = std::chrono::ceil<std::chrono::seconds>(to_wall(time) - now);
  return left <= std::chrono::seconds{0} ? "now" : "in " + format_age(left);
}
}  // namespace

std::string plan_text(const v1::PlanResponse& response) {
  Table table({"VOLUME", "NEXT STEP", "WHY"});
  for (const auto& item : response.items()) {
    std::string why;
    for (const auto& reason : item.reasons()) why += (why.empty() ? "" : "; ") + reason;
    table.add({item.volume(), item.step(), why});
  }
  return table.text();
}

std::string queue_text(const v1::QueueResponse& response, WallClock::time_point now) {
  Table table({"VOLUME", "WHAT", "STATE", "FAILED", "NEXT TRY", "OPERATION", "NOTE"});
  for (const auto& item : response.items())
    table.add({item.volume(), item.what(), item.state(), std::to_string(item.attempts()),
               item.has_next_try() ? until(item.next_try(), now) : std::string{}, item.operation(), item.note()});
  return table.text();
}

std::string vms_text(const v1::ListVmsResponse& response) {
  Table table({"VM", "STATE", "BUS", "DISKS", "FREE SLOTS", "PID", "SOCKET", "WHY"});
  for (const auto& vm : response.vms())
    table.add({vm.id(), vm.state(), vm.bus(), std::to_string(vm.disks()), std::to_string(vm.free_slots()),
               vm.pid() > 0 ? std::to_string(vm.pid()) : std::string{}, vm.socket(), vm.why()});
  return table.text();
}

}  // namespace blockplug::cli
