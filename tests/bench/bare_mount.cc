// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/bare_mount.h"

#include <filesystem>
#include <fstream>

namespace blockplug::bench {

Result<BareMount> BareMount::make(const std::string& directory, const std::string& name) {
  Programs programs{TRY(Program::find("losetup")), TRY(Program::find("mount")), TRY(Program::find("umount")),
                    TRY(Program::find("mkfs.ext4"))};
  const auto place = directory + "/" + name;
  for (const char* made : {"/staging", "/pod"}) std::filesystem::create_directories(place + made);
  BareMount bare(std::move(programs), place + "/volume.raw", place + "/staging", place + "/pod");
  TRY(bare.blank());
  return bare;
}

Status BareMount::blank() const {
  std::filesystem::remove(file_);
  std::ofstream(file_).close();
  std::error_code error;
  std::filesystem::resize_file(file_, kMountedBytes, error);
  if (error) return no_effect(Code::Unavailable, "cannot create " + file_ + ": " + error.message());
  return Ok{};
}

Status BareMount::format() const {
  TRY(programs_.mkfs.run({"-q", "-m0", file_}));
  return Ok{};
}

Status BareMount::attach() {
  TRY(map());
  return bind();
}

Status BareMount::attach_blank() {
  TRY(map());
  TRY(programs_.mkfs.run({"-q", "-m0", device_}));
  return bind();
}

Status BareMount::detach() {
  TRY(programs_.umount.run({pod_}));
  TRY(programs_.umount.run({staging_}));
  TRY(programs_.losetup.run({"-d", device_}));
  return Ok{};
}

Status BareMount::map() {
  device_ = TRY(programs_.losetup.run({"--find", "--show", "--direct-io=on", file_}));
  return Ok{};
}

Status BareMount::bind() {
  TRY(programs_.mount.run({device_, staging_}));
  TRY(programs_.mount.run({"--bind", staging_, pod_}));
  return Ok{};
}

}  // namespace blockplug::bench
