// SPDX-License-Identifier: Apache-2.0
#include "cinder/reserve.h"

#include <algorithm>

#include "cinder/confirm.h"
#include "cinder/connect.h"
#include "tests/cinder/cloud_world.h"

namespace blockplug::cinder::testing {
namespace {

class RungsTest : public CloudWorld {
 protected:
  Reserve reserve_of(const std::string& node, milliseconds grace = milliseconds(0)) {
    return Reserve({.api = api_,
                    .readings = readings_,
                    .backend = "cinder",
                    .node = node,
                    .daemon = "cinder.1",
                    .grace = grace,
                    .on_the_wire = grace});
  }
  std::string owner_of(const std::string& volume, const std::string& attachment) const {
    const auto metadata = metadata_of(volume);
    const auto found = metadata.find("blockplug.attachment." + attachment);
    return found == metadata.end() ? "none" : found->second;
  }
  Facts attach(Asking& asking) {
    asking.before = done(reserve_.raise(asking.call(kReserve)));
    asking.below = asking.before;
    const auto connected = done(connect_.raise(asking.call(kConnect)));
    connected_ = connected;
    for (const auto& [name, value] : connected) asking.below[name] = value;
    done(confirm_.raise(asking.call(kConfirm)));
    return connected;
  }
  // Each rung's own facts are those of its last raise.
  Standing standing(Rung& rung, Asking& asking, const RungKind& kind, Time doubted_at = Clock::now()) {
    auto probing = asking;
    if (kind != kReserve) probing.before = kind == kConnect ? connected_ : Facts{};
    auto call = probing.call(kind);
    call.doubted_at = doubted_at;
    return rung.probe(call).standing;
  }

  Facts connected_;
  Reserve reserve_{reserve_of("n1")};
  ::blockplug::testing::EventLog events_;
  Connect connect_{{.api = api_, .readings = readings_, .events = events_, .node = "n1"}};
  Confirm confirm_{api_, readings_};
};

TEST_F(RungsTest, ReserveConnectAndConfirmWithoutNovaAndLeaveNothing) {
  const auto volume = make_volume();
  Asking asking(volume);
  EXPECT_EQ(standing(reserve_, asking, kReserve), Standing::Down);
  const auto connected = attach(asking);
  EXPECT_EQ(connected.at("image.pool"), "volumes");
  EXPECT_EQ(connected.at("image.name"), "volume-" + volume);
  EXPECT_EQ(status_of(volume), "in-use");
  const auto attachment = asking.before.at("cinder.attachment");
  EXPECT_EQ(owner_of(volume, attachment), "n1/vm:web-0 cinder.1");
  for (auto [rung, kind] : {std::pair<Rung*, RungKind>{&reserve_, kReserve}, {&connect_, kConnect}, {&confirm_, kConfirm}})
    EXPECT_EQ(standing(*rung, asking, kind), Standing::Up) << kind.str();
  const auto posts = cloud_.look([](const CloudState& state) { return state.requests; });
  for (const auto& request : posts) EXPECT_EQ(request.body.find("instance_uuid"), std::string::npos);
  done(reserve_.lower(asking.call(kReserve)));
  EXPECT_EQ(status_of(volume), "available");
  EXPECT_EQ(attachments(), 0U);
  EXPECT_TRUE(metadata_of(volume).empty());
  done(reserve_.lower(asking.call(kReserve)));
  expect_only_known_calls();
}

TEST_F(RungsTest, MakeFourCallsAndOneForTheTag) {
  const auto volume = make_volume();
  ASSERT_TRUE(session_->login(patience()).ok());
  const auto calls = [&] { return cloud_.look([](const CloudState& state) { return state.requests.size(); }); };
  const auto before = calls();
  Asking asking(volume);
  attach(asking);
  EXPECT_EQ(calls() - before, 4U) << "POST, tag, PUT, os-complete";
  const auto up = calls();
  done(reserve_.lower(asking.call(kReserve)));
  EXPECT_EQ(calls() - up, 2U) << "DELETE, tag";
}

TEST_F(RungsTest, ProbesOfOneAttachmentShareOneReading) {
  Asking asking(make_volume());
  attach(asking);
  const auto gets = [&] { return cloud_.count("GET /attachments/{id}"); };
  const auto before = gets();
  const auto doubted_at = Clock::now();
  for (auto [rung, kind] : {std::pair<Rung*, RungKind>{&reserve_, kReserve}, {&connect_, kConnect}, {&confirm_, kConfirm}})
    EXPECT_EQ(standing(*rung, asking, kind, doubted_at), Standing::Up);
  EXPECT_EQ(gets() - before, 1);
  EXPECT_EQ(standing(confirm_, asking, kConfirm), Standing::Up);
  EXPECT_EQ(gets() - before, 2) << "a newer doubt";
}

TEST_F(RungsTest, AReservationWhoseAnswerWasLostIsNotAdoptedButDeletedAndMadeAgain) {
  const auto volume = make_volume();
  Asking asking(volume);
  fault({.kind = Fault::Kind::CloseAfter, .operation = "POST /attachments"});
  EXPECT_EQ(error(reserve_.raise(asking.call(kReserve))).effect, Effect::Unknown);
  EXPECT_EQ(attachments(), 1U);
  asking.crash();
  EXPECT_EQ(standing(reserve_, asking, kReserve), Standing::Partial);
  auto patient = reserve_of("n1", seconds(60));
  expect_in("its answer was lost", waits_for(patient.raise(asking.call(kReserve))));
  EXPECT_EQ(attachments(), 1U) << "somebody may just have made it";
  const auto facts = done(reserve_.raise(asking.call(kReserve)));
  EXPECT_EQ(attachments(), 1U);
  EXPECT_EQ(owner_of(volume, facts.at("cinder.attachment")), "n1/vm:web-0 cinder.1");
}

TEST_F(RungsTest, AReservationWhoseAnswerWasLostIsDeletedWhereItIsNoLongerWanted) {
  Asking asking(make_volume());
  fault({.kind = Fault::Kind::CloseAfter, .operation = "POST /attachments"});
  error(reserve_.raise(asking.call(kReserve)));
  asking.crash();
  done(reserve_.lower(asking.call(kReserve)));
  EXPECT_EQ(attachments(), 0U);
}

TEST_F(RungsTest, WhatSomebodyElseHasIsNotTouchedAndNamed) {
  const auto volume = make_volume();
  Asking theirs(volume, "vm:other");
  auto elsewhere = reserve_of("n2");
  theirs.before = done(elsewhere.raise(theirs.call(kReserve)));
  Asking asking(volume);
  const auto refused = error(reserve_.raise(asking.call(kReserve)));
  EXPECT_EQ(refused.code, Code::FailedPrecondition) << refused.message;
  EXPECT_EQ(refused.effect, Effect::None);
  expect_in("attachment " + theirs.before.at("cinder.attachment") + " (reserved) of node n2, vm:other: detach it there",
            refused.message);
  asking.crash();  // it had been asked for: that is no licence to delete what has a tag
  EXPECT_EQ(error(reserve_.raise(asking.call(kReserve))).code, Code::FailedPrecondition);
  done(reserve_.lower(asking.call(kReserve)));
  EXPECT_EQ(attachments(), 1U);
  EXPECT_EQ(standing(elsewhere, theirs, kReserve), Standing::Up);
}

TEST_F(RungsTest, WhatNovaHasIsNamed) {
  const auto volume = make_volume({.status = "in-use"});
  cloud_.edit([&](CloudState& state) {
    state.attachments["a1"] = CloudAttachment{.volume_id = volume, .status = "attached", .instance = "server-7"};
  });
  Asking asking(volume);
  expect_in("attachment a1 (attached) of the Nova server server-7", error(reserve_.raise(asking.call(kReserve))).message);
}

TEST_F(RungsTest, AVolumeOnItsWayIsAskedForAgainAndABrokenOneIsNot) {
  for (const auto* status : {"creating", "extending", "retyping", "backing-up", "detaching"}) {
    Asking asking(make_volume({.status = status}));
    EXPECT_EQ(error(reserve_.raise(asking.call(kReserve))).code, Code::Aborted) << status;
  }
  for (const auto* status : {"error", "deleting", "error_restoring", "reserved"}) {
    Asking asking(make_volume({.status = status}));
    const auto refused = error(reserve_.raise(asking.call(kReserve)));
    EXPECT_EQ(refused.code, Code::FailedPrecondition) << status << ": " << refused.message;
    expect_in("its status is '" + std::string(status) + "' without an attachment", refused.message);
  }
  Asking none("00000000-0000-4000-8000-000000000000");
  EXPECT_EQ(error(reserve_.raise(none.call(kReserve))).code, Code::NotFound);
}

TEST_F(RungsTest, AnAttachmentThatCinderForgotIsMadeAgainAndItsTagGoes) {
  const auto volume = make_volume();
  Asking asking(volume);
  attach(asking);
  const auto old = asking.before.at("cinder.attachment");
  cloud_.edit([&](CloudState& state) {
    state.attachments.clear();
    state.volumes.at(volume).status = "available";
  });
  EXPECT_EQ(standing(reserve_, asking, kReserve), Standing::Partial) << "its tag is there";
  EXPECT_EQ(standing(connect_, asking, kConnect), Standing::Partial) << "it remembers the image";
  asking.before = done(reserve_.raise(asking.call(kReserve)));
  EXPECT_NE(asking.before.at("cinder.attachment"), old);
  EXPECT_EQ(owner_of(volume, old), "none");
  EXPECT_EQ(owner_of(volume, asking.before.at("cinder.attachment")), "n1/vm:web-0 cinder.1");
  asking.below = asking.before;
  EXPECT_EQ(standing(connect_, asking, kConnect), Standing::Partial);
  asking.before = connected_;
  done(connect_.raise(asking.call(kConnect)));
}

TEST_F(RungsTest, ARepairWithAnotherImageChangesNothingAndIsSaid) {
  const auto volume = make_volume();
  Asking asking(volume);
  attach(asking);
  cloud_.edit([&](CloudState& state) { state.volumes.at(volume).image = "volume-migrated"; });
  asking.before = connected_;
  const auto refused = error(connect_.raise(asking.call(kConnect)));
  EXPECT_EQ(refused.code, Code::FailedPrecondition);
  expect_in("Cinder names image volumes/volume-migrated now, but volumes/volume-" + volume + " is attached", refused.message);
}

TEST_F(RungsTest, ATagThatWasTakenAwayIsWrittenAgain) {
  const auto volume = make_volume();
  Asking asking(volume);
  attach(asking);
  cloud_.edit([&](CloudState& state) { state.volumes.at(volume).metadata.clear(); });
  EXPECT_EQ(standing(reserve_, asking, kReserve), Standing::Stale);
  const auto facts = done(reserve_.raise(asking.call(kReserve)));
  EXPECT_EQ(facts.at("cinder.attachment"), asking.before.at("cinder.attachment"));
  EXPECT_EQ(standing(reserve_, asking, kReserve), Standing::Up);
}

TEST_F(RungsTest, AnAttachmentWithoutItsTagIsNotUp) {
  Asking asking(make_volume());
  fault({.kind = Fault::Kind::Answer, .operation = "POST /volumes/{id}/metadata", .answer = {503, {}, ""}});
  EXPECT_EQ(error(reserve_.raise(asking.call(kReserve))).effect, Effect::Unknown);
  asking.crash();
  EXPECT_EQ(standing(reserve_, asking, kReserve), Standing::Partial);
  const auto facts = done(reserve_.raise(asking.call(kReserve)));
  EXPECT_EQ(attachments(), 1U) << "its id is known";
  EXPECT_EQ(facts.at("cinder.attachment"), asking.before.at("cinder.attachment"));
}

TEST_F(RungsTest, AnAttachmentOfALostStoreIsTakenUpByItsTag) {
  const auto volume = make_volume();
  Asking lost(volume);
  attach(lost);
  Asking asking(volume);
  EXPECT_EQ(done(reserve_.raise(asking.call(kReserve))).at("cinder.attachment"), lost.before.at("cinder.attachment"));
  auto other = Reserve({.api = api_, .readings = readings_, .backend = "cinder", .node = "n1", .daemon = "cinder.2"});
  expect_in("of node n1, vm:web-0: detach it there", error(other.raise(Asking(volume).call(kReserve))).message);
}

// A volume that was restored from a backup has the metadata of the one that was backed up.
TEST_F(RungsTest, ATagOnAnotherVolumeIsRemovedAndTheAttachmentStays) {
  const auto volume = make_volume();
  Asking asking(volume);
  attach(asking);
  const auto restored = make_volume({.metadata = metadata_of(volume)});
  const auto found = reserve_.survey(Clock::now() + seconds(30));
  const auto orphan = std::ranges::find_if(found, [&](const Found& each) { return name_of(each.key.volume) == restored; });
  ASSERT_NE(orphan, found.end());
  Asking repairing(restored);
  repairing.before = orphan->facts;
  EXPECT_EQ(standing(reserve_, repairing, kReserve), Standing::Partial);
  done(reserve_.lower(repairing.call(kReserve)));
  EXPECT_EQ(attachments(), 1U);
  EXPECT_TRUE(metadata_of(restored).empty());
  EXPECT_EQ(standing(reserve_, asking, kReserve), Standing::Up);
}

TEST_F(RungsTest, A404ThatIsNotCindersProvesNothing) {
  Asking asking(make_volume());
  attach(asking);
  fault({.kind = Fault::Kind::Answer, .path = "/attachments/", .times = 9, .answer = {404, {}, "default backend - 404"}});
  EXPECT_EQ(standing(reserve_, asking, kReserve), Standing::Unknown);
  EXPECT_EQ(standing(confirm_, asking, kConfirm), Standing::Unknown);
  EXPECT_EQ(error(reserve_.lower(asking.call(kReserve))).code, Code::Unavailable);
  EXPECT_EQ(attachments(), 1U);
}

TEST_F(RungsTest, InAnotherProjectNothingIsProvenAboutAnAttachment) {
  Asking asking(make_volume());
  attach(asking);
  asking.before["cinder.project"] = "another-project";
  EXPECT_EQ(standing(reserve_, asking, kReserve), Standing::Unknown);
  const auto refused = error(reserve_.lower(asking.call(kReserve)));
  EXPECT_EQ(refused.code, Code::Unavailable);
  expect_in("is now of another project", refused.message);
}

TEST_F(RungsTest, ARequestThatMayStillBePerformedIsAwaitedBeforeItIsForgotten) {
  Asking asking(make_volume());
  auto patient = reserve_of("n1", seconds(60));
  fault({.kind = Fault::Kind::CloseBefore, .operation = "POST /attachments"});
  EXPECT_EQ(error(patient.raise(asking.call(kReserve))).effect, Effect::Unknown);
  asking.crash();
  expect_in("may still perform a request", waits_for(patient.lower(asking.call(kReserve))));
  done(patient.raise(asking.call(kReserve)));  // at once: Cinder takes only one of two
  EXPECT_EQ(attachments(), 1U);
}

TEST_F(RungsTest, ARequestThatWasRefusedIsNoLicenceToDeleteWhatOthersReserved) {
  const auto volume = make_volume();
  Asking asking(volume);
  fault({.kind = Fault::Kind::Answer, .operation = "POST /attachments", .answer = {429, {{"retry-after", "0"}}, ""}});
  EXPECT_EQ(error(reserve_.raise(asking.call(kReserve))).effect, Effect::None);
  asking.crash();
  const auto theirs = api_.reserve(volume, Access::ReadWrite, patience());
  ASSERT_TRUE(theirs.ok());
  EXPECT_EQ(error(reserve_.raise(asking.call(kReserve))).code, Code::FailedPrecondition);
  asking.crash();
  done(reserve_.lower(asking.call(kReserve)));
  EXPECT_EQ(attachments(), 1U);
}

TEST_F(RungsTest, AConnectionWhoseAnswerWasLostIsMadeAgainSoThatItIsChecked) {
  Asking asking(make_volume());
  asking.before = done(reserve_.raise(asking.call(kReserve)));
  asking.below = asking.before;
  cloud_.edit([](CloudState& state) { state.access_mode = "ro"; });
  fault({.kind = Fault::Kind::CloseAfter, .operation = "PUT /attachments/{id}", .times = 2});
  EXPECT_EQ(error(connect_.raise(asking.call(kConnect))).effect, Effect::Unknown);
  cloud_.edit([](CloudState& state) { state.faults.clear(); });
  EXPECT_EQ(standing(connect_, asking, kConnect), Standing::Partial);
  expect_in("read-only", error(connect_.raise(asking.call(kConnect))).message);
}

TEST_F(RungsTest, ACloudThatDoesNotAnswerLeavesEverythingUnknown) {
  Asking asking(make_volume());
  attach(asking);
  fault({.kind = Fault::Kind::Answer, .path = "/attachments/", .times = 100, .answer = {503, {}, "overloaded"}});
  for (auto [rung, kind] : {std::pair<Rung*, RungKind>{&reserve_, kReserve}, {&connect_, kConnect}, {&confirm_, kConfirm}})
    EXPECT_EQ(standing(*rung, asking, kind), Standing::Unknown) << kind.str();
  EXPECT_EQ(error(reserve_.lower(asking.call(kReserve))).code, Code::Unavailable);
}

TEST_F(RungsTest, SurveyFindsWhatThisNodeHasATagFor) {
  const auto volume = make_volume();
  Asking asking(volume);
  attach(asking);
  Asking theirs(make_volume(), "vm:other");
  auto elsewhere = reserve_of("n2");
  done(elsewhere.raise(theirs.call(kReserve)));
  const auto found = reserve_.survey(Clock::now() + seconds(30));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().key, asking.key);
  EXPECT_EQ(found.front().facts.at("cinder.attachment"), asking.before.at("cinder.attachment"));
  const auto lists = cloud_.count("GET /volumes/detail");
  EXPECT_EQ(reserve_.survey(Clock::now() + seconds(30)).size(), 1U);
  EXPECT_EQ(cloud_.count("GET /volumes/detail"), lists) << "surveys follow each event of a VM";
  fault({.kind = Fault::Kind::Answer, .operation = "GET /volumes/detail", .times = 2, .answer = {500, {}, ""}});
  done(reserve_.lower(asking.call(kReserve)));
  const auto unknown = reserve_.survey(Clock::now() + seconds(30));
  EXPECT_TRUE(unknown.is_partial && unknown.empty()) << "that a list fails proves nothing, and what was detached is not in it";
}

TEST_F(RungsTest, ConnectRefusesWhatItCannotUseAndSaysWhy) {
  struct Row {
    const char* name;
    std::function<void(CloudState&, const std::string&)> change;
    const char* says;
  };
  const Row rows[] = {
      {"another driver", [](CloudState& state, const std::string&) { state.driver = "iscsi"; },
       "its data is reached by the driver 'iscsi': only RBD is supported"},
      {"encrypted",
       [](CloudState& state, const std::string& id) {
         state.volumes.at(id).is_encrypted = true;
         state.volumes.at(id).type = "locked";
       },
       "it is encrypted (volume type 'locked'), which is not supported"},
      {"read-only", [](CloudState& state, const std::string&) { state.access_mode = "ro"; }, "attach it with --read-only"},
  };
  for (const auto& row : rows) {
    const auto volume = make_volume();
    cloud_.edit([&](CloudState& state) { row.change(state, volume); });
    Asking asking(volume);
    asking.before = done(reserve_.raise(asking.call(kReserve)));
    asking.below = asking.before;
    const auto refused = error(connect_.raise(asking.call(kConnect)));
    EXPECT_EQ(refused.code, Code::FailedPrecondition) << row.name;
    EXPECT_EQ(refused.effect, Effect::None);
    expect_in(row.says, refused.message);
    cloud_.edit([](CloudState& state) { state.driver = "rbd", state.access_mode = "rw"; });
  }
}

TEST_F(RungsTest, TheImageIsTheOneThatCinderNamesAtThisAttach) {
  const auto volume = make_volume({.image = "volume-another-name"});
  cloud_.edit([](CloudState& state) { state.pool = "fast"; });
  Asking asking(volume);
  const auto connected = attach(asking);
  EXPECT_EQ(connected.at("image.pool"), "fast");
  EXPECT_EQ(connected.at("image.name"), "volume-another-name");
}

TEST_F(RungsTest, TheLimitsOfItsTypeReachTheDisk) {
  cloud_.edit([](CloudState& state) {
    state.qos = {{"total_iops_sec", "500"}, {"read_bytes_sec", "2097152"}, {"write_bytes_sec", "1048576"}, {"strange", "1"}};
  });
  const auto volume = make_volume();
  Asking asking(volume);
  attach(asking);
  EXPECT_EQ(events_.count("respec cinder/" + volume + " iops 500"), 1);
  EXPECT_EQ(events_.count("respec cinder/" + volume + " bytes_per_second 1048576"), 1) << "the smaller of the two";
}

TEST_F(RungsTest, ConfirmSeesWhatIsNotConfirmed) {
  Asking asking(make_volume());
  asking.before = done(reserve_.raise(asking.call(kReserve)));
  asking.below = asking.before;
  EXPECT_EQ(standing(connect_, asking, kConnect), Standing::Down);
  connected_ = done(connect_.raise(asking.call(kConnect)));
  EXPECT_EQ(standing(connect_, asking, kConnect), Standing::Up);
  EXPECT_EQ(standing(confirm_, asking, kConfirm), Standing::Down);
  fault({.kind = Fault::Kind::CloseAfter, .operation = "POST /attachments/{id}/action os-complete", .times = 2});
  EXPECT_EQ(error(confirm_.raise(asking.call(kConfirm))).effect, Effect::Unknown);
  cloud_.edit([](CloudState& state) { state.faults.clear(); });
  EXPECT_EQ(standing(confirm_, asking, kConfirm), Standing::Up) << "the answer was lost, not the call";
  done(confirm_.raise(asking.call(kConfirm)));
}

}  // namespace
}  // namespace blockplug::cinder::testing
