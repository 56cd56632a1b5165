// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/image_mounting.h"

#include <filesystem>

#include "hotplug/rungs.h"
#include "tests/bench/admin_caller.h"
#include "tests/bench/bare_mount.h"
#include "tests/bench/commits.h"

namespace blockplug::bench {
namespace {

constexpr std::size_t kWarmUp = 2;

// Mapped, mounted and bound by programs.
class BareImage {
 public:
  static Result<BareImage> make(std::unique_ptr<BareMapping> mapping, const std::string& directory) {
    for (const char* made : {"/staging", "/pod"}) std::filesystem::create_directories(directory + made);
    return BareImage(std::move(mapping), TRY(Program::find("mount")), TRY(Program::find("umount")), directory);
  }
  Status attach() {
    const auto device = TRY(mapping_->map());
    TRY(mount_.run({device, directory_ + "/staging"}));
    TRY(mount_.run({"--bind", directory_ + "/staging", directory_ + "/pod"}));
    return Ok{};
  }
  Status detach() {
    TRY(umount_.run({directory_ + "/pod"}));
    TRY(umount_.run({directory_ + "/staging"}));
    return mapping_->unmap();
  }
  std::optional<pid_t> process() const { return mapping_->process(); }

 private:
  BareImage(std::unique_ptr<BareMapping> mapping, Program mount, Program umount, std::string directory)
      : mapping_(std::move(mapping)), mount_(std::move(mount)), umount_(std::move(umount)), directory_(std::move(directory)) {}
  std::unique_ptr<BareMapping> mapping_;
  Program mount_, umount_;
  std::string directory_;
};

struct Bench {
  HoldTrips& trips;
  BareImage& bare;
  OrderPerformer ours, commits;
};

// The ways take turns, so that what else the machine does falls on all alike.
Status cycle(const Bench& bench, ImageFigures& figures) {
  TRY(bench.trips.before_attach(figures.hold));
  TRY(time(bench.commits.attach, figures.commit.attach));
  TRY(time([&] { return bench.bare.attach(); }, figures.bare.attach));
  TRY(bench.trips.after_attach(figures.hold, bench.bare.process()));
  TRY(bench.trips.before_detach(figures.hold));
  TRY(time(bench.commits.detach, figures.commit.detach));
  TRY(time([&] { return bench.bare.detach(); }, figures.bare.detach));
  TRY(bench.trips.after_detach(figures.hold));
  TRY(time(bench.ours.attach, figures.ours.attach));
  return time(bench.ours.detach, figures.ours.detach);
}

Result<std::unique_ptr<BareMapping>> mapping_of(const ImageMountingSettings& settings, const std::string& image) {
  switch (settings.mapping) {
    case Mapping::Fuse: return map_by_fuse(settings.lab, image, settings.directory + "/bare-image");
    case Mapping::Krbd: return map_by_krbd(settings.lab, image);
  }
  return no_effect(Code::Internal, "no such mapping");
}

}  // namespace

const char* to_text(Mapping mapping) { return mapping == Mapping::Fuse ? "fuse" : "krbd"; }

Result<ImageFigures> measure_image_mounting(const ImageMountingSettings& settings, AdminCaller& caller) {
  const std::string name = std::string("mounted-") + to_text(settings.mapping), path = settings.directory + "/pods/" + name;
  const AttachmentKey key{volume_in_ceph(name), TargetId("host")};
  TRY(caller.create(name, kMountedBytes));
  std::filesystem::create_directories(path);
  const OrderPerformer ours{[&] { return caller.attach_path(key.volume, path); },
                            [&] { return caller.detach_path(key.volume, path); }};
  TRY(ours.attach());  // formats it
  TRY(ours.detach());
  const auto trips = TRY(HoldTrips::make(settings.lab, settings.directory + "/trips", key));
  const auto commits = TRY(Commits::open(settings.directory + "/commits-" + name, key, RungId{rungs::kPublish, path}));
  auto mapping = TRY(mapping_of(settings, name));
  auto bare = TRY(BareImage::make(std::move(mapping), settings.directory + "/bare-mount"));
  const Bench bench{*trips, bare, ours, commits->performer()};
  ImageFigures figures, uncounted;
  for (std::size_t count = 0; count < kWarmUp; ++count) TRY(cycle(bench, uncounted));
  for (std::size_t count = 0; count < settings.cycles; ++count) TRY(cycle(bench, figures));
  return figures;
}

}  // namespace blockplug::bench
