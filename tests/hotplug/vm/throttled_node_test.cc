// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/throttled_node.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "attach-detach/roles.h"
#include "hotplug/rungs.h"
#include "hotplug/vm/file_source.h"

namespace blockplug {
namespace {
using Json = nlohmann::json;

struct NoJournal final : Journal {
  Status keep(const Facts&) override { return Ok{}; }
};

TEST(ThrottledNode, PassesATrimOnAtEveryNodeFromTheDiskDownWhateverTheSourceSays) {
  for (const auto* file : {R"({"driver": "rbd", "image": "a"})", R"({"driver": "file", "discard": "ignore"})"}) {
    const auto node = throttled_node(VolumeId("ceph/a"), Access::ReadWrite, {.file_json = file, .objects_json = {}});
    EXPECT_EQ(node.at("driver"), "throttle");
    EXPECT_EQ(node.at("discard"), "unmap");
    EXPECT_EQ(node.at("file").at("discard"), "unmap") << node.dump();
  }
}

TEST(ThrottledNode, StopsATrimBelowALimitOfBytesBecauseQemuCountsIt) {
  const VolumeId volume("ceph/a");
  const NodeRecipe limited{.file_json = R"({"driver": "rbd"})", .objects_json = {}, .size_bytes = 0, .passes_trim = false};
  const auto node = throttled_node(volume, Access::ReadWrite, limited);
  EXPECT_EQ(node.at("discard"), "ignore");
  EXPECT_EQ(node.at("file").at("discard"), "unmap") << "so that only the filter is opened anew when the limit goes";
  for (const auto& [limits, discard] : {std::pair{ThrottleLimits{.iops = 5, .bytes_per_second = 0}, "unmap"},
                                        std::pair{ThrottleLimits{.iops = 0, .bytes_per_second = 5}, "ignore"}}) {
    auto as_opened = node;
    as_opened["discard"] = discard;
    as_opened["file"] = "#block078";
    EXPECT_EQ(reopened_node(volume, Access::ReadWrite, limits, "#block078"), (Json{{"options", Json::array({as_opened})}}));
  }
}

TEST(ThrottledNode, IsReadOnlyAtEveryNodeWhereSoDesired) {
  for (const auto access : {Access::ReadOnly, Access::ReadWrite}) {
    const auto node = throttled_node(VolumeId("local/a"), access, {.file_json = R"({"driver": "file"})", .objects_json = {}});
    EXPECT_EQ(node.at("read-only"), access == Access::ReadOnly);
    EXPECT_EQ(node.at("file").at("read-only"), access == Access::ReadOnly);
  }
}

TEST(FileSource, SaysThatATrimFreesSpaceInTheFile) {
  const auto path = ::testing::TempDir() + "file-source-" + std::to_string(::getpid());
  std::ofstream(path) << "words";
  const AttachmentKey key{VolumeId("local/a"), TargetId("vm:web")};
  const Spec spec;
  const Facts below{{roles::kImagePath, path}, {roles::kImageDirect, "true"}}, before;
  NoJournal journal;
  const Call call{.key = key,
                  .rung = {rungs::kOpen, {}},
                  .spec = spec,
                  .below = below,
                  .before = before,
                  .deadline = Clock::now(),
                  .stop = {},
                  .operation = "test",
                  .journal = journal};
  const auto recipe = FileSource{}.recipe(call);
  ::unlink(path.c_str());
  ASSERT_TRUE(recipe.ok()) << recipe.error().message;
  EXPECT_EQ(Json::parse(recipe->file_json).at("discard"), "unmap");
  EXPECT_EQ(recipe->size_bytes, 5);
}

}  // namespace
}  // namespace blockplug
