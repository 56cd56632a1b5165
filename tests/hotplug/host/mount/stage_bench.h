// SPDX-License-Identifier: Apache-2.0
#pragma once
// Stage on a real device, for its tests: checks that a refusal changes nothing, and makes a file system as left by a crashed host.
#include <fstream>
#include <string>

#include "tests/hotplug/host/mount/mount_bench.h"

namespace blockplug::testing {

using RecordState = FormatRecord::State;
inline const std::string kUuid = "0b1e6b4c-1111-4222-8333-444455556666";

class StageBench : public MountBench {
 protected:
  std::string place() const { return scratch.at("stages/local/data-1"); }
  // It is refused with this message, and nothing is mounted, created, recorded or changed on the image.
  void expect_refused(const std::string& part) {
    const auto before = all_bytes(image);
    const auto record = records.record;
    const auto said = raise_stage();
    EXPECT_HAS(said, part);
    EXPECT_HAS(said, ", none: ");
    EXPECT_TRUE(all_bytes(image) == before) << "the image was changed";
    EXPECT_EQ(to_text(records.record), to_text(record));
    EXPECT_FALSE(mounted_at(place()));
    EXPECT_FALSE(files::exists(place()));
  }
  void make_dirty() {  // as left by a crashed host: a copy of the image taken while it was mounted and written
    ASSERT_EQ(raise_stage(), "done");
    std::ofstream{place() + "/file"} << "hello";
    must({"sync", "-f", place()});
    must({"cp", image, image + ".crashed"});
    ASSERT_EQ(lower_stage(), "done");
    loop.reset();
    files::rename(image + ".crashed", image);
  }
};

}  // namespace blockplug::testing
