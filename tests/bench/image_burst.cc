// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/image_burst.h"

#include "tests/bench/admin_caller.h"
#include "tests/bench/ceph_lab.h"

namespace blockplug::bench {
namespace {

constexpr std::int64_t kImageBytes = std::int64_t{4} << 20;
using Keys = std::vector<AttachmentKey>;

Status each(AdminCaller& caller, Status (AdminCaller::*call)(const AttachmentKey&), const Keys& keys) {
  for (const auto& key : keys) TRY((caller.*call)(key));
  return Ok{};
}

Status measure_round(AdminCaller& caller, const Keys& keys, ImageBurstFigures& figures) {
  TRY(time([&] { return caller.attach_all(keys); }, figures.at_once.attach));
  TRY(time([&] { return caller.detach_all(keys); }, figures.at_once.detach));
  TRY(time([&] { return each(caller, &AdminCaller::attach, keys); }, figures.one_by_one.attach));
  return time([&] { return each(caller, &AdminCaller::detach, keys); }, figures.one_by_one.detach);
}

}  // namespace

Result<ImageBurstFigures> measure_image_burst(const ImageBurstSettings& settings, AdminCaller& caller) {
  Keys keys;
  for (std::size_t number = 0; number < settings.images; ++number) {
    const auto name = "burst-" + std::to_string(number);
    TRY(caller.create(name, kImageBytes));
    keys.push_back({volume_in_ceph(name), TargetId("vm:burst-" + std::to_string(number % settings.vms))});
  }
  TRY(caller.attach_all(keys));  // once uncounted: QEMU loads librbd, the daemon meets the VMs
  TRY(caller.detach_all(keys));
  ImageBurstFigures figures{settings.images, settings.vms, {}, {}};
  for (std::size_t round = 0; round < settings.rounds; ++round) TRY(measure_round(caller, keys, figures));
  return figures;
}

}  // namespace blockplug::bench
