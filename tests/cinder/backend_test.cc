// SPDX-License-Identifier: Apache-2.0
#include "cinder/backend.h"

#include "cinder/tags.h"
#include "tests/cinder/cloud_world.h"

namespace blockplug::cinder::testing {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

class CinderBackendTest : public CloudWorld {
 protected:
  struct Ordering {
    Order order;
    Facts before{};
    KeepingJournal journal{};
  };
  static Ordering order(OrderKind kind, const std::string& name, Facts arguments = {}) {
    return {{.id = 1, .volume = VolumeId("cinder/" + name), .kind = kind, .arguments = std::move(arguments)}};
  }
  // One attempt; what it kept is known to the next one.
  Attempt attempt(Ordering& ordering) {
    auto made = backend_.perform({ordering.order, ordering.before, Clock::now() + seconds(30), {}, "test", ordering.journal});
    for (const auto& [name, value] : ordering.journal.kept) ordering.before[name] = value;
    return made;
  }
  // As the core does: again where it waits.
  Attempt perform(Ordering ordering) {
    for (int count = 0; count < 10; ++count) {
      auto made = attempt(ordering);
      if (!std::holds_alternative<Waiting>(made)) return made;
    }
    return no_effect(Code::DeadlineExceeded, "it still waits");
  }
  Attempt create(const std::string& name, std::int64_t size_bytes, Facts more = {}) {
    more["size_bytes"] = std::to_string(size_bytes);
    return perform(order(OrderKind::Create, name, more));
  }
  std::size_t volumes() const {
    return cloud_.look([](const CloudState& state) { return state.volumes.size(); });
  }
  VolumeInfo found(const std::string& name) {
    auto info = backend_.find(VolumeId("cinder/" + name));
    EXPECT_TRUE(info.ok()) << (info.ok() ? "" : info.error().message);
    return info.ok() ? *info : VolumeInfo{};
  }
  std::string fenced_, looked_at_, holder_;
  CinderBackend backend_{*session_,
                         "cinder",
                         {.fence = [this](const OrderCall&, const CinderBackend::Image& image) -> Result<Facts> {
                            fenced_ = image.pool + "/" + image.name;
                            return Facts{{"fenced", "192.0.2.1:0/1"}};
                          },
                          .look = [this](const CinderBackend::Image& image) -> Result<VolumeInfo> {
                            looked_at_ = image.pool + "/" + image.name;
                            VolumeInfo info{.id = {}, .image = {}, .created = {}, .details = {}};
                            info.holders.push_back({holder_, "host", Access::ReadWrite, "", {}});
                            if (!holder_.empty()) return info;
                            return no_effect(Code::Unavailable, "no monitor answers");
                          }}};
};

TEST_F(CinderBackendTest, CreatesShowsListsAndDeletesAVolume) {
  EXPECT_EQ(done(create("data", 1500 * kMiB)).at("size_bytes"), std::to_string(2 * kGib)) << "rounded up to whole GiB";
  const auto info = found("data");
  EXPECT_TRUE(is_uuid(name_of(info.id))) << info.id.str();
  EXPECT_EQ(info.size_bytes, 2 * kGib);
  EXPECT_EQ(info.details.at("name"), "data");
  EXPECT_EQ(info.details.at("status"), "available");
  EXPECT_FALSE(info.details.contains("managed"));
  EXPECT_EQ(found(name_of(info.id)).id, info.id) << "by its id";
  make_volume({.name = "somebody's"});
  const auto listed = backend_.list();
  ASSERT_TRUE(listed.ok());
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_EQ(listed->front().id, info.id);
  EXPECT_EQ(found("somebody's").details.at("managed"), "false");
  done(create("data", 2 * kGib));
  EXPECT_EQ(volumes(), 2U) << "it exists already";
  EXPECT_EQ(error(create("data", 3 * kGib)).code, Code::AlreadyExists);
  done(perform(order(OrderKind::Delete, name_of(info.id))));
  EXPECT_EQ(backend_.find(info.id).error().code, Code::NotFound);
  done(perform(order(OrderKind::Delete, name_of(info.id))));
  expect_only_known_calls();
}

TEST_F(CinderBackendTest, ANameThatSeveralVolumesHaveIsRefusedWithTheirIds) {
  const auto one = make_volume({.name = "twin"});
  const auto two = make_volume({.name = "twin"});
  const auto info = backend_.find(VolumeId("cinder/twin"));
  ASSERT_FALSE(info.ok());
  EXPECT_EQ(info.error().code, Code::FailedPrecondition);
  expect_in(one, info.error().message);
  expect_in(two, info.error().message);
  EXPECT_EQ(error(create("twin", kGib)).code, Code::AlreadyExists);
  EXPECT_EQ(backend_.find(VolumeId("cinder/none")).error().code, Code::NotFound);
}

TEST_F(CinderBackendTest, CreatesExactlyOneVolumeWhateverAnswerIsLost) {
  for (const auto kind : {Fault::Kind::CloseBefore, Fault::Kind::CloseAfter, Fault::Kind::CutAnswer}) {
    const auto name = "data-" + std::to_string(static_cast<int>(kind));
    const auto before = volumes();
    auto ordering = order(OrderKind::Create, name, {{"size_bytes", std::to_string(kGib)}});
    fault({.kind = kind, .operation = "POST /volumes"});
    EXPECT_EQ(error(attempt(ordering)).effect, Effect::Unknown);
    done(perform(ordering));
    EXPECT_EQ(volumes(), before + 1) << name;
  }
}

TEST_F(CinderBackendTest, DeletesTheSecondOfTwoVolumesThatOneOrderMade) {
  auto ordering = order(OrderKind::Create, "data", {{"size_bytes", std::to_string(kGib)}});
  attempt(ordering);
  const auto mark = ordering.before.at("cinder.creation");
  const auto late = make_volume({.name = "data",
                                 .metadata = {{"blockplug.created", "true"}, {"blockplug.creation", mark}},
                                 .created = "2099-01-01T00:00:00.000000"});
  done(perform(ordering));
  EXPECT_NE(name_of(found("data").id), late) << "the older one stays";
}

TEST_F(CinderBackendTest, AListThatFailsIsNoProofThatThereIsNone) {
  fault({.kind = Fault::Kind::Answer, .operation = "GET /volumes/detail", .answer = {500, {}, "oops"}});
  auto ordering = order(OrderKind::Create, "data", {{"size_bytes", std::to_string(kGib)}});
  EXPECT_EQ(error(attempt(ordering)).code, Code::Unavailable);
  EXPECT_EQ(volumes(), 0U);
}

TEST_F(CinderBackendTest, ReadsAllPagesOfAList) {
  for (int count = 0; count < 7; ++count)
    make_volume({.name = "v" + std::to_string(count), .metadata = {{"blockplug.created", "true"}}});
  cloud_.edit([](CloudState& state) { state.page_limit = 2; });
  const auto listed = backend_.list();
  ASSERT_TRUE(listed.ok()) << listed.error().message;
  EXPECT_EQ(listed->size(), 7U);
}

TEST_F(CinderBackendTest, AQuotaIsToldAtOnce) {
  cloud_.edit([](CloudState& state) { state.volume_quota = 1; });
  done(create("one", kGib));
  const auto refused = error(create("two", kGib));
  EXPECT_EQ(refused.code, Code::ResourceExhausted);
  EXPECT_EQ(refused.effect, Effect::None);
  expect_in("quota", refused.message);
}

TEST_F(CinderBackendTest, AnEncryptedTypeIsRefusedByNameAndNothingStays) {
  const auto refused = error(create("secret", kGib, {{"type", "locked"}}));
  EXPECT_EQ(refused.code, Code::FailedPrecondition);
  expect_in("its type 'locked' is encrypted", refused.message);
  EXPECT_TRUE(cloud_.look([](const CloudState& state) {
    for (const auto& [id, volume] : state.volumes)
      if (volume.status != "deleting") return false;
    return true;
  }));
}

TEST_F(CinderBackendTest, AVolumeThatCinderCannotCreateIsDeletedAndSaid) {
  cloud_.edit([](CloudState& state) { state.creating_ends = "error"; });
  expect_in("Cinder could not create it (status 'error')", error(create("data", kGib)).message);
}

TEST_F(CinderBackendTest, GrowsAndNeverShrinks) {
  done(create("data", kGib));
  const auto id = name_of(found("data").id);
  EXPECT_EQ(done(perform(order(OrderKind::Resize, id, {{"size_bytes", std::to_string(3 * kGib)}}))).at("size_bytes"),
            std::to_string(3 * kGib));
  EXPECT_EQ(found("data").size_bytes, 3 * kGib);
  done(perform(order(OrderKind::Resize, id, {{"size_bytes", std::to_string(3 * kGib)}})));
  EXPECT_EQ(cloud_.count("POST /volumes/{id}/action os-extend"), 1);
  EXPECT_EQ(error(perform(order(OrderKind::Resize, id, {{"size_bytes", std::to_string(kGib)}}))).code, Code::OutOfRange);
  cloud_.edit([](CloudState& state) { state.extending_ends = "error_extending"; });
  expect_in("error_extending", error(perform(order(OrderKind::Resize, id, {{"size_bytes", std::to_string(4 * kGib)}}))).message);
}

TEST_F(CinderBackendTest, WhatCinderAcceptedAndDidNotDoIsSaidAndNotAskedForEver) {
  done(create("data", kGib));
  const auto id = name_of(found("data").id);
  cloud_.edit([](CloudState& state) { state.deleting_ends = "available"; });  // somebody has the image open
  const auto kept = error(perform(order(OrderKind::Delete, id)));
  EXPECT_EQ(kept.code, Code::FailedPrecondition) << kept.message;
  expect_in("Cinder did not delete it (its status is 'available' again)", kept.message);
  EXPECT_EQ(cloud_.count("DELETE /volumes/{id}"), 1);
}

TEST_F(CinderBackendTest, OfTwoNodesThatCreateOneNameBothGetTheOlderVolume) {
  auto mine = order(OrderKind::Create, "data", {{"size_bytes", std::to_string(kGib)}});
  attempt(mine);
  const auto theirs =
      make_volume({.name = "data", .metadata = {{"blockplug.created", "true"}}, .created = "2000-01-01T00:00:00.000000"});
  EXPECT_EQ(done(perform(mine)).at("id"), theirs);
  found("data");  // the other one is gone
}

TEST_F(CinderBackendTest, AnIdInCapitalsIsTheSameVolume) {
  const auto id = make_volume();
  std::string capitals = id;
  for (auto& letter : capitals) letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  EXPECT_FALSE(backend_.is_id(capitals));
  EXPECT_EQ(name_of(found(capitals).id), id);
}

TEST_F(CinderBackendTest, ACreationWaitsForANamesakeThatIsBeingDeleted) {
  const auto old = make_volume({.name = "data", .status = "deleting", .metadata = {{"blockplug.created", "true"}}});
  auto ordering = order(OrderKind::Create, "data", {{"size_bytes", std::to_string(kGib)}});
  EXPECT_TRUE(std::holds_alternative<Waiting>(attempt(ordering)));
  cloud_.edit([&](CloudState& state) { state.volumes.erase(old); });
  EXPECT_NE(done(perform(ordering)).at("id"), old);
}

TEST_F(CinderBackendTest, MakesSnapshotsAndCopies) {
  done(create("data", 2 * kGib));
  const auto id = name_of(found("data").id);
  done(perform(order(OrderKind::Snapshot, id, {{"snapshot", "monday"}})));
  done(perform(order(OrderKind::Snapshot, id, {{"snapshot", "monday"}})));
  const auto snapshots = backend_.snapshots(VolumeId("cinder/" + id));
  ASSERT_TRUE(snapshots.ok());
  ASSERT_EQ(snapshots->size(), 1U);
  EXPECT_EQ(snapshots->front().name, "monday");
  EXPECT_TRUE(snapshots->front().is_ready);
  const auto set_status = [&](const std::string& status) {
    cloud_.edit([&](CloudState& state) { state.snapshots.begin()->second.status = status; });
  };
  set_status("error");
  EXPECT_FALSE(backend_.snapshots(VolumeId("cinder/" + id))->front().is_ready);
  set_status("available");
  const auto clone = [&](const std::string& name, const std::string& source, std::int64_t size_bytes = 0) {
    Facts arguments{{"source", source}};
    if (size_bytes != 0) arguments["size_bytes"] = std::to_string(size_bytes);
    return perform(order(OrderKind::Clone, name, arguments));
  };
  done(clone("copy", id + "@monday"));
  done(clone("larger", "data", 3 * kGib));
  EXPECT_EQ(found("larger").size_bytes, 3 * kGib);
  EXPECT_EQ(found("larger").details.at("source volume"), id);
  EXPECT_EQ(error(clone("less", id, kGib)).code, Code::OutOfRange);
  EXPECT_EQ(error(clone("none", id + "@tuesday")).code, Code::NotFound);
  EXPECT_EQ(error(perform(order(OrderKind::Delete, id))).effect, Effect::None) << "it has a snapshot";
  done(perform(order(OrderKind::Snapshot, id, {{"snapshot", "monday"}, {"delete", "true"}})));
  done(perform(order(OrderKind::Snapshot, id, {{"snapshot", "monday"}, {"delete", "true"}})));
  done(perform(order(OrderKind::Delete, id)));
}

TEST_F(CinderBackendTest, AFenceThatGoesOnLeavesANewerAttachmentAlone) {
  const auto id = make_volume();
  const auto attach = [&] {
    const auto made = api_.reserve(id, Access::ReadWrite, patience());
    EXPECT_TRUE(made.ok() && api_.set_metadata(id, tag_key(made->id), "n2/host cinder.1", patience()).ok());
    return made.ok() ? made->id : "";
  };
  const auto victim = attach();
  cloud_.edit([&](CloudState& state) { state.volumes.at(id).image = "volume-migrated"; });
  ASSERT_TRUE(api_.connect(victim, {"n2", false}, patience()).ok());
  fault({.kind = Fault::Kind::Answer, .operation = "DELETE /attachments/{id}", .answer = {403, {}, "{}"}});
  auto ordering = order(OrderKind::Fence, id);
  const auto half = error(attempt(ordering));
  EXPECT_EQ(half.effect, Effect::Unknown) << "the clients are fenced: the order is not given up";
  expect_in("its clients are fenced", half.message);
  ASSERT_TRUE(api_.release(victim, patience()).ok());
  const auto newer = attach();
  fenced_.clear();
  done(perform(ordering));
  EXPECT_EQ(fenced_, "volumes/volume-migrated") << "the image is known, though its attachment is gone";
  EXPECT_TRUE(cloud_.look([&](const CloudState& state) { return state.attachments.contains(newer); }));
  EXPECT_EQ(metadata_of(id).size(), 1U) << "the newer one's tag";
}

TEST_F(CinderBackendTest, ShowsWhoHoldsTheImageOfAVolumeThatIsNotFree) {
  const auto id = make_volume();
  EXPECT_TRUE(found(id).holders.empty());
  EXPECT_EQ(looked_at_, "") << "an attach waits for this look";
  const auto attached = api_.reserve(id, Access::ReadWrite, patience());
  ASSERT_TRUE(attached.ok());
  holder_ = "n2";
  ASSERT_EQ(found(id).holders.size(), 1U);
  EXPECT_EQ(looked_at_, "/volume-" + id);
  ASSERT_TRUE(api_.connect(attached->id, {"n2", false}, patience()).ok());
  EXPECT_EQ(found(id).holders.front().node, "n2");
  EXPECT_EQ(looked_at_, "volumes/volume-" + id);
  holder_.clear();
  EXPECT_EQ(found(id).details.at("hold"), "cannot be read: no monitor answers");
}

TEST_F(CinderBackendTest, ChecksTheCloudForTheDoctor) {
  const auto checked = backend_.check();
  ASSERT_EQ(checked.size(), 1U);
  EXPECT_TRUE(checked.front().is_ok) << checked.front().found;
  expect_in("project demo-project, volume API 3.54 at " + cloud_.volume_url(), checked.front().found);
  const auto session = session_with({{"OS_PASSWORD", "xyzzy-wrong"}});
  CinderBackend locked_out(*session, "cinder", {});
  const auto wrong = locked_out.check();
  ASSERT_EQ(wrong.size(), 1U);
  EXPECT_FALSE(wrong.front().is_ok);
  expect_in("check the credentials", wrong.front().found);
  EXPECT_EQ(wrong.front().found.find("xyzzy"), std::string::npos);
}

TEST_F(CinderBackendTest, FencesTheImageAndRefusesLimits) {
  const auto id = make_volume();
  EXPECT_EQ(done(perform(order(OrderKind::Fence, id))).at("fenced"), "192.0.2.1:0/1");
  EXPECT_EQ(fenced_, "/volume-" + id);
  const auto attached = api_.reserve(id, Access::ReadWrite, patience());
  ASSERT_TRUE(attached.ok());
  ASSERT_TRUE(api_.set_metadata(id, tag_key(attached->id), "n2/host cinder.1", patience()).ok());
  ASSERT_TRUE(api_.connect(attached->id, {"n2", false}, patience()).ok());
  done(perform(order(OrderKind::Fence, id)));
  EXPECT_EQ(fenced_, "volumes/volume-" + id) << "as Cinder says";
  EXPECT_EQ(attachments(), 0U) << "the dead node's";
  EXPECT_TRUE(metadata_of(id).empty());
  const auto refused = error(perform(order(OrderKind::Modify, id, {{"iops", "5"}})));
  EXPECT_EQ(refused.code, Code::Unimplemented);
  expect_in("--type", refused.message);
}

}  // namespace
}  // namespace blockplug::cinder::testing
