// SPDX-License-Identifier: Apache-2.0
#include "ceph/backend.h"

#include <future>

#include "ceph/connection.h"
#include "ceph/header.h"
#include "ceph/hold.h"
#include "tests/ceph/images.h"

namespace blockplug::rbd::testing {
namespace {

using BackendTest = ImagesTest;

TEST_F(BackendTest, CreatesFindsAndListsWhatIsOurs) {
  const auto facts = done(perform(OrderKind::Create, "a", {{"size_bytes", "4194304"}}));
  EXPECT_EQ(facts.at("size_bytes"), "4194304");
  expect_text(facts.at("image"), "rbd:" + cluster_.fsid().value() + "/volumes/" + name_space_ + "/");
  EXPECT_EQ(done(perform(OrderKind::Create, "a", {{"size_bytes", "4194304"}})), facts);
  const auto info = rbd_program({"info", spec("a")}).output;
  expect_text(info, "size 4 MiB");
  expect_text(info, "features: layering, exclusive-lock, object-map, fast-diff, deep-flatten");
  EXPECT_EQ(rbd_program({"create", "--size", "1", spec("foreign")}).exit_code, 0);

  const auto found = backend_.find(VolumeId{"ceph/a"});
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_EQ(found->image.str(), facts.at("image"));
  EXPECT_EQ(found->details.at("managed"), "true");
  EXPECT_TRUE(found->holders.empty());
  EXPECT_TRUE(found->limits.empty());
  EXPECT_LT(WallClock::now() - found->created, std::chrono::minutes{1});
  EXPECT_EQ(backend_.find(VolumeId{"ceph/foreign"})->details.at("managed"), "false");
  EXPECT_EQ(backend_.find(VolumeId{"ceph/none"}).error().code, Code::NotFound);
  const auto listed = backend_.list();
  ASSERT_TRUE(listed.ok()) << listed.error().message;
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_EQ(listed->front().id.str(), "ceph/a");
}

TEST_F(BackendTest, RefusesANameThatIsTaken) {
  make_volume("a");
  auto refused = error(perform(OrderKind::Create, "a", {{"size_bytes", "8388608"}}));
  EXPECT_EQ(refused.code, Code::AlreadyExists);
  expect_text(refused.message, "already exists with 4194304 bytes, not 8388608");
  EXPECT_EQ(rbd_program({"create", "--size", "4", spec("foreign")}).exit_code, 0);
  refused = error(perform(OrderKind::Create, "foreign", {{"size_bytes", "4194304"}}));
  EXPECT_EQ(refused.code, Code::AlreadyExists);
  expect_text(refused.message, "Blockplug did not create it");
  EXPECT_EQ(error(perform(OrderKind::Create, "x/y", {{"size_bytes", "512"}})).code, Code::InvalidArgument);
  EXPECT_EQ(error(perform(OrderKind::Create, "b", {{"size_bytes", "513"}})).code, Code::InvalidArgument);
}

// While an image is locked with `rbd lock add`, a guest's first write blocks indefinitely, and so does a delete.
TEST_F(BackendTest, TellsWhoLockedAnImageAndNeitherTakesNorDeletesIt) {
  for (const bool has_exclusive_lock : {true, false}) {
    const std::string name = has_exclusive_lock ? "a" : "b";
    RbdBackend backend{cluster_, place(), "node-1", has_exclusive_lock ? kDefaultFeatures : 1};
    done(perform(backend, OrderKind::Create, name, {{"size_bytes", "4194304"}}));
    ASSERT_EQ(rbd_program({"lock", "add", spec(name), "kubelet's `lock`"}).exit_code, 0);
    RbdHold hold{cluster_, place(), "node-1"};
    Asking asking{name};
    const auto refused = error(hold.raise(asking.call()));
    EXPECT_EQ(refused.code, Code::FailedPrecondition);
    EXPECT_EQ(refused.effect, Effect::None);
    expect_text(refused.message, "image " + spec(name) + ": it is locked by client.");
    expect_text(refused.message, "(kubelet?s??lock?, at 127.0.0.1:0/");
    expect_text(refused.message, "`rbd lock ls " + spec(name) + "` shows it");
    EXPECT_EQ(held_by(name), "");
    expect_text(error(perform(OrderKind::Delete, name, {})).message, "cannot be deleted: it is locked by client.");
    expect_text(backend_.find(VolumeId{"ceph/" + name})->details.at("locked"), "by client.");
    const auto locks = rbd_program({"lock", "ls", "--format", "json", spec(name)}).output;
    const auto locker = locks.substr(locks.find("client."), locks.find('"', locks.find("client.")) - locks.find("client."));
    ASSERT_EQ(rbd_program({"lock", "remove", spec(name), "kubelet's `lock`", locker}).exit_code, 0);
    asking.before = done(hold.raise(asking.call()));
    done(hold.lower(asking.call()));
    EXPECT_FALSE(backend_.find(VolumeId{"ceph/" + name})->details.contains("locked"));
    done(perform(OrderKind::Delete, name, {}));
  }
}

// The lock that librbd takes for a writer does not count.
TEST_F(BackendTest, TakesAnImageWhoseLastWriterWasKilledWithItsLock) {
  make_volume("a");
  {
    Writer writer{"a", name_space_};
    EXPECT_EQ(writer.write("x"), "0");
    expect_text(rbd_program({"lock", "ls", spec("a")}).output, "auto ");
  }
  EXPECT_TRUE(comes_true([&] { return rbd_program({"status", spec("a")}).output.find("watcher=") == std::string::npos; }));
  expect_text(rbd_program({"lock", "ls", spec("a")}).output, "auto ");
  RbdHold hold{cluster_, place(), "node-1"};
  Asking asking{"a"};
  asking.before = done(hold.raise(asking.call()));
  done(hold.lower(asking.call()));
}

TEST_F(BackendTest, IsToldThatPoolOrNamespaceIsUnknown) {
  RbdBackend nowhere{cluster_, {.backend = "ceph", .pool = "nothing"}, "node-1"};
  EXPECT_EQ(nowhere.find(VolumeId{"ceph/a"}).error().message, "the cluster has no pool 'nothing'");
  RbdBackend unnamed{cluster_, {.backend = "ceph", .pool = "volumes", .name_space = "nothing"}, "node-1"};
  expect_text(unnamed.list().error().message, "no namespace 'nothing'");
  RbdBackend data{cluster_, {.backend = "ceph", .pool = "volumes", .name_space = name_space_, .data_pool = "nothing"}, "node-1"};
  EXPECT_EQ(error(perform(data, OrderKind::Create, "a", {{"size_bytes", "512"}})).message, "the cluster has no pool 'nothing'");
}

TEST_F(BackendTest, PutsWhatIsWrittenIntoTheDataPool) {
  const auto rights = [](const std::string& osd) {
    EXPECT_EQ(ceph({"auth", "caps", "client.blockplug", "mon", "profile rbd", "osd", osd}).exit_code, 0);
  };
  EXPECT_EQ(ceph({"osd", "pool", "create", "bulk", "8"}).exit_code, 0);
  rights("profile rbd pool=volumes, profile rbd pool=bulk");
  Cluster cluster{our_options()};
  RbdBackend split{cluster, {.backend = "ceph", .pool = "volumes", .name_space = name_space_, .data_pool = "bulk"}, "node-1"};
  done(perform(split, OrderKind::Create, "a", {{"size_bytes", "4194304"}}));
  EXPECT_TRUE(*formats_.is_never_written(Asking{"a"}.call()));
  const auto has_data = [] {
    return run({"rados", "-c", ceph_directory() / "ceph.conf", "-p", "bulk", "ls", "--all"}).output.find("rbd_data.") !=
           std::string::npos;
  };
  EXPECT_FALSE(has_data());
  Writer writer{"a", name_space_};
  EXPECT_EQ(writer.write("hello"), "0");
  writer.end();
  EXPECT_TRUE(has_data());
  EXPECT_FALSE(*formats_.is_never_written(Asking{"a"}.call()));
  done(perform(split, OrderKind::Clone, "b", {{"source", "a"}, {"flatten", "true"}}));
  for (const char* name : {"a", "b"}) expect_text(rbd_program({"info", spec(name)}).output, "data_pool: bulk");
  EXPECT_EQ(read("b", 0, 5), "hello");
  for (const char* name : {"b", "a"}) done(perform(split, OrderKind::Delete, name, {}));
  EXPECT_FALSE(has_data());
  rights("profile rbd pool=volumes");
}

TEST_F(BackendTest, MakesImagesWithTheFeaturesThatAreChosen) {
  const auto chosen = features_of({"layering", "exclusive-lock", "journaling"});
  ASSERT_TRUE(chosen.ok()) << chosen.error().message;
  RbdBackend journaled{cluster_, place(), "node-1", *chosen};
  done(perform(journaled, OrderKind::Create, "a", {{"size_bytes", "4194304"}}));
  done(perform(journaled, OrderKind::Clone, "b", {{"source", "a"}}));
  for (const char* name : {"a", "b"}) {
    const auto info = rbd_program({"info", spec(name)}).output;
    expect_text(info, "features: layering, exclusive-lock, journaling\n");
  }
  EXPECT_EQ(rbd_program({"create", "--size", "4", "--image-feature", "exclusive-lock", spec("plain")}).exit_code, 0);
  const auto refused = error(perform(OrderKind::Clone, "c", {{"source", "plain"}}));
  EXPECT_EQ(refused.code, Code::FailedPrecondition);
  expect_text(refused.message, "was created without the feature layering");
  EXPECT_EQ(rbd_program({"snap", "ls", "--all", spec("plain")}).output, "") << "nothing was begun";
}

TEST_F(BackendTest, ToldApartAreImagesOfOneNameInTwoNamespaces) {
  make_volume("a");
  RbdBackend other{cluster_, {.backend = "other", .pool = "volumes"}, "node-1"};
  const auto name = name_space_;  // no other test has that name
  done(perform(other, OrderKind::Create, name, {{"size_bytes", "4194304"}}));
  make_volume(name);
  EXPECT_NE(other.find(VolumeId{"other/" + name})->image, backend_.find(VolumeId{"ceph/" + name})->image);
  RbdBackend again{cluster_, {.backend = "again", .pool = "volumes"}, "node-1"};
  EXPECT_EQ(other.find(VolumeId{"other/" + name})->image, again.find(VolumeId{"again/" + name})->image);
  done(perform(other, OrderKind::Delete, name, {}));
  EXPECT_TRUE(backend_.find(VolumeId{"ceph/" + name}).ok());
}

// Orders that cannot succeed end, with the reason; the same order succeeds when that is gone.
TEST_F(BackendTest, SaysThatAMirroredImageIsNotPrimary) {
  make_volume("a");
  const auto pool = "volumes/" + name_space_;
  const auto run = [](const std::vector<std::string>& arguments) {
    const auto ran = rbd_program(arguments);
    EXPECT_EQ(ran.exit_code, 0) << ran.output;
  };
  run({"mirror", "pool", "enable", "volumes", "image"});
  run({"mirror", "pool", "enable", pool, "image"});
  run({"mirror", "image", "enable", spec("a"), "snapshot"});
  run({"mirror", "image", "demote", spec("a")});
  const std::vector<std::pair<OrderKind, Facts>> orders{{OrderKind::Resize, {{"size_bytes", "8388608"}}},
                                                        {OrderKind::Snapshot, {{"snapshot", "monday"}}}};
  for (const auto& [kind, arguments] : orders) {
    const auto refused = error(perform(kind, "a", arguments));
    EXPECT_EQ(refused.code, Code::FailedPrecondition) << refused.message;
    EXPECT_EQ(refused.effect, Effect::None) << refused.message;
    expect_text(refused.message, "the image is mirrored and not primary here");
  }
  run({"mirror", "image", "promote", spec("a")});
  for (const auto& [kind, arguments] : orders) done(perform(kind, "a", arguments));
  run({"mirror", "image", "disable", spec("a")});
}

TEST_F(BackendTest, SaysThatTheLimitOfSnapshotsIsReached) {
  make_volume("a");
  EXPECT_EQ(rbd_program({"snap", "limit", "set", spec("a"), "--limit", "1"}).exit_code, 0);
  done(perform(OrderKind::Snapshot, "a", {{"snapshot", "monday"}}));
  const auto refused = error(perform(OrderKind::Snapshot, "a", {{"snapshot", "tuesday"}}));
  EXPECT_EQ(refused.code, Code::FailedPrecondition) << refused.message;
  EXPECT_EQ(refused.effect, Effect::None);
  expect_text(refused.message, "may have 1 snapshots and has that many: delete one, or raise the limit");
  done(perform(OrderKind::Snapshot, "a", {{"snapshot", "monday"}, {"delete", "true"}}));
  done(perform(OrderKind::Snapshot, "a", {{"snapshot", "tuesday"}}));
}

TEST_F(BackendTest, GrowsButNeverShrinksAlsoWhileItIsOpen) {
  make_volume("a");
  const Writer writer{"a", name_space_};
  EXPECT_EQ(done(perform(OrderKind::Resize, "a", {{"size_bytes", "8388608"}})).at("size_bytes"), "8388608");
  EXPECT_EQ(done(perform(OrderKind::Resize, "a", {{"size_bytes", "8388608"}})).at("size_bytes"), "8388608");
  const auto refused = error(perform(OrderKind::Resize, "a", {{"size_bytes", "4194304"}}));
  EXPECT_EQ(refused.code, Code::OutOfRange);
  EXPECT_EQ(error(perform(OrderKind::Resize, "b", {{"size_bytes", "4194304"}})).code, Code::NotFound);
}

TEST_F(BackendTest, DeletesOnlyWhatNobodyUsesAndSaysWhoDoes) {
  const auto image = make_volume("a");
  const auto refusal = [&] {
    const auto refused = error(perform(OrderKind::Delete, "a", {}));
    EXPECT_EQ(refused.code, Code::FailedPrecondition);
    EXPECT_EQ(refused.effect, Effect::None);
    EXPECT_EQ(held_by("a"), "") << "the mark of the attempt is taken back";
    return refused.message;
  };
  {
    Writer writer{"a", name_space_};
    expect_text(refusal(), "it is open by " + writer.address());
    writer.end();
  }
  done(perform(OrderKind::Snapshot, "a", {{"snapshot", "monday"}}));
  done(perform(OrderKind::Clone, "b", {{"source", "a@monday"}}));
  expect_text(refusal(), "it has snapshot 'monday' with clone " + spec("b"));
  auto refused = error(perform(OrderKind::Snapshot, "a", {{"snapshot", "monday"}, {"delete", "true"}}));
  expect_text(refused.message, "has clones: " + spec("b"));
  done(perform(OrderKind::Delete, "b", {}));
  done(perform(OrderKind::Snapshot, "a", {{"snapshot", "monday"}, {"delete", "true"}}));
  EXPECT_EQ(done(perform(OrderKind::Delete, "a", {{"image", "rbd:another"}})), (Facts{{"image", ""}}));
  EXPECT_TRUE(backend_.find(VolumeId{"ceph/a"}).ok()) << "a younger image of that name is not what the order is for";
  done(perform(OrderKind::Delete, "a", {{"image", image}}));
  done(perform(OrderKind::Delete, "a", {{"image", image}}));
  EXPECT_EQ(rbd_program({"create", "--size", "1", spec("foreign")}).exit_code, 0);
  refused = error(perform(OrderKind::Delete, "foreign", {}));
  expect_text(refused.message, "Blockplug did not create this image");
}

TEST_F(BackendTest, ClonesASnapshotThatSomebodyElseMade) {
  make_volume("a");
  write("a", 0, "hello");
  ASSERT_EQ(rbd_program({"snap", "create", "--no-progress", spec("a@theirs")}).exit_code, 0);
  write("a", 0, "later");
  done(perform(OrderKind::Clone, "b", {{"source", "a@theirs"}}));
  EXPECT_EQ(read("b", 0, 5), "hello");
  auto refused = error(perform(OrderKind::Snapshot, "a", {{"snapshot", "theirs"}, {"delete", "true"}}));
  expect_text(refused.message, "has clones: " + spec("b"));
  expect_text(error(perform(OrderKind::Delete, "a", {})).message, "it has snapshot 'theirs' with clone " + spec("b"));
  done(perform(OrderKind::Clone, "c", {{"source", "a@theirs"}, {"flatten", "true"}}));
  EXPECT_EQ(read("c", 0, 5), "hello");
  for (const auto* copy : {"b", "c"}) done(perform(OrderKind::Delete, copy, {}));
  done(perform(OrderKind::Snapshot, "a", {{"snapshot", "theirs"}, {"delete", "true"}}));
  done(perform(OrderKind::Delete, "a", {}));
}

TEST_F(BackendTest, ClonesAVolumeAndKeepsNoTraceWhenTheCloneGoes) {
  make_volume("a");
  write("a", 0, "hello");
  const auto facts = done(perform(OrderKind::Clone, "b", {{"source", "a"}, {"size_bytes", "8388608"}}));
  EXPECT_EQ(facts.at("size_bytes"), "8388608");
  EXPECT_EQ(done(perform(OrderKind::Clone, "b", {{"source", "a"}, {"size_bytes", "8388608"}})), facts);
  EXPECT_EQ(read("b", 0, 5), "hello");
  EXPECT_TRUE(backend_.snapshots(VolumeId{"ceph/a"})->empty()) << "the clone snapshot is not shown";
  expect_text(error(perform(OrderKind::Delete, "a", {})).message, "it has clone " + spec("b"));
  EXPECT_EQ(error(perform(OrderKind::Clone, "b", {{"source", "c"}})).code, Code::AlreadyExists);
  EXPECT_EQ(error(perform(OrderKind::Clone, "c", {{"source", "none"}})).code, Code::NotFound);
  EXPECT_EQ(error(perform(OrderKind::Clone, "c", {{"source", "a@none"}})).code, Code::NotFound);
  done(perform(OrderKind::Delete, "b", {}));
  EXPECT_EQ(rbd_program({"snap", "ls", "--all", spec("a")}).output, "");
}

TEST_F(BackendTest, AnOlderCloneOfTheNameLeavesNothingOfWhatItHad) {
  make_volume("a");
  write("a", 0, "old");
  done(perform(OrderKind::Clone, "b", {{"source", "a"}}));
  EXPECT_EQ(rbd_program({"rm", "--no-progress", spec("b")}).exit_code, 0);  // its clone snapshot stays
  write("a", 0, "new");
  done(perform(OrderKind::Clone, "b", {{"source", "a"}}));
  EXPECT_EQ(read("b", 0, 3), "new");
}

TEST_F(BackendTest, ACloneIsNeverSmallerThanItsSourceNorOtherThanItWasMade) {
  make_volume("a");
  done(perform(OrderKind::Snapshot, "a", {{"snapshot", "small"}}));
  done(perform(OrderKind::Resize, "a", {{"size_bytes", "8388608"}}));
  const auto refused = error(perform(OrderKind::Clone, "b", {{"source", "a"}, {"size_bytes", "4194304"}}));
  EXPECT_EQ(refused.code, Code::OutOfRange);
  expect_text(refused.message, "the source has 8388608 bytes");
  EXPECT_EQ(backend_.find(VolumeId{"ceph/b"}).error().code, Code::NotFound);
  done(perform(OrderKind::Clone, "b", {{"source", "a@small"}, {"size_bytes", "4194304"}}));
  EXPECT_EQ(error(perform(OrderKind::Clone, "b", {{"source", "a@small"}, {"size_bytes", "8388608"}})).code, Code::AlreadyExists);
  EXPECT_EQ(error(perform(OrderKind::Clone, "b", {{"source", "a"}})).code, Code::AlreadyExists);
  EXPECT_EQ(error(perform(OrderKind::Clone, "c", {{"source", "a@none"}, {"size_bytes", "8388608"}})).code, Code::NotFound);
  done(perform(OrderKind::Clone, "b", {{"source", "a@small"}}));
}

TEST_F(BackendTest, KeepsTheLimitsWithTheImage) {
  make_volume("a");
  EXPECT_EQ(done(perform(OrderKind::Modify, "a", {{"iops", "500"}})).at("limit.iops"), "500");
  const auto facts = done(perform(OrderKind::Modify, "a", {{"bytes_per_second", "1048576"}}));
  EXPECT_EQ(facts.at("limit.iops"), "500");
  EXPECT_EQ(facts.at("limit.bytes_per_second"), "1048576");
  RbdBackend elsewhere{cluster_, place(), "node-2"};
  EXPECT_EQ(elsewhere.find(VolumeId{"ceph/a"})->limits, (decltype(Spec::limits){{"iops", 500}, {"bytes_per_second", 1048576}}));
  expect_text(rbd_program({"image-meta", "get", spec("a"), "blockplug.limits"}).output, "bytes_per_second=1048576 iops=500");
  EXPECT_FALSE(done(perform(OrderKind::Modify, "a", {{"iops", "0"}})).contains("limit.iops"));
  EXPECT_EQ(elsewhere.list()->front().limits, (decltype(Spec::limits){{"bytes_per_second", 1048576}}));
  EXPECT_EQ(error(perform(OrderKind::Modify, "none", {{"iops", "5"}})).code, Code::NotFound);
}

TEST_F(BackendTest, ShowsWhoHoldsAnImage) {
  make_volume("a");
  RbdHold hold{cluster_, place(), "node-1"};
  Asking asking{"a"};
  asking.before = done(hold.raise(asking.call()));
  const Writer writer{"a", name_space_};
  const auto found = backend_.find(VolumeId{"ceph/a"});
  ASSERT_TRUE(found.ok()) << found.error().message;
  ASSERT_EQ(found->holders.size(), 1U);
  EXPECT_EQ(found->holders[0].node, "node-1");
  EXPECT_EQ(found->holders[0].target, "vm:web-0");
  EXPECT_EQ(found->holders[0].access, Access::ReadWrite);
  EXPECT_FALSE(found->holders[0].since.empty());
  EXPECT_EQ(found->watchers, std::vector{writer.address()});
  EXPECT_FALSE(found->details.contains("holder"));
}

TEST_F(BackendTest, AFlattenedCloneStandsAlone) {
  make_volume("a");
  write("a", 0, "hello");
  done(perform(OrderKind::Clone, "b", {{"source", "a"}, {"flatten", "true"}}));
  done(perform(OrderKind::Clone, "b", {{"source", "a"}, {"flatten", "true"}}));
  done(perform(OrderKind::Delete, "a", {}));
  EXPECT_EQ(read("b", 0, 5), "hello");
}

TEST_F(BackendTest, ListsSnapshotsWithTheirClones) {
  make_volume("a");
  for (const char* name : {"one", "two"}) done(perform(OrderKind::Snapshot, "a", {{"snapshot", name}}));
  done(perform(OrderKind::Snapshot, "a", {{"snapshot", "two"}}));
  done(perform(OrderKind::Clone, "b", {{"source", "a@two"}}));
  const auto snapshots = backend_.snapshots(VolumeId{"ceph/a"});
  ASSERT_TRUE(snapshots.ok()) << snapshots.error().message;
  ASSERT_EQ(snapshots->size(), 2U);
  EXPECT_EQ(snapshots->at(0).name, "one");
  EXPECT_EQ(snapshots->at(1).size_bytes, 4 * kMiB);
  EXPECT_EQ(snapshots->at(1).clones, std::vector<std::string>{spec("b")});
  EXPECT_EQ(error(perform(OrderKind::Snapshot, "a", {{"snapshot", "blockplug.clone.x"}})).code, Code::InvalidArgument);
}

TEST_F(BackendTest, KeepsWhatIsKnownOfTheFormatWithTheImage) {
  make_volume("a");
  Asking asking{"a"};
  EXPECT_EQ(*formats_.format_of(asking.call()), FormatRecord{});
  const FormatRecord formatting{FormatRecord::State::Formatting, "ext4", "0c8f3a4e-0000-4000-8000-000000000001"};
  ASSERT_TRUE(formats_.set_format(asking.call(), formatting).ok());
  EXPECT_EQ(*formats_.format_of(asking.call()), formatting);
  expect_text(rbd_program({"image-meta", "get", spec("a"), "blockplug.format"}).output, "formatting ext4 0c8f3a4e");
  EXPECT_EQ(formats_.set_format(Asking{"none"}.call(), formatting).error().code, Code::NotFound);
}

TEST_F(BackendTest, ProvesThatNothingWasEverWritten) {
  make_volume("a");
  EXPECT_TRUE(*formats_.is_never_written(Asking{"a"}.call()));
  done(perform(OrderKind::Clone, "b", {{"source", "a"}}));
  EXPECT_FALSE(*formats_.is_never_written(Asking{"b"}.call())) << "what its parent has is not looked at";
  write("a", 3 * kMiB, "x");
  EXPECT_FALSE(*formats_.is_never_written(Asking{"a"}.call()));
  EXPECT_EQ(rbd_program({"create", "--size", "9", "--image-feature", "layering", spec("plain")}).exit_code, 0);
  EXPECT_TRUE(*formats_.is_never_written(Asking{"plain"}.call()));
  write("plain", 8 * kMiB, "x");
  EXPECT_FALSE(*formats_.is_never_written(Asking{"plain"}.call()));
}

TEST_F(BackendTest, ManyWhoCreateTheSameAtOnceMakeOne) {
  std::vector<std::future<Attempt>> attempts;
  for (int i = 0; i < 8; ++i)
    attempts.push_back(std::async(std::launch::async, [&] {
      return perform(backend_, OrderKind::Create, "a", {{"size_bytes", "4194304"}});
    }));
  for (auto& attempt : attempts) {
    const auto result = attempt.get();
    const auto* error = std::get_if<Error>(&result);
    if (error == nullptr) continue;
    EXPECT_TRUE(error->code == Code::Aborted || error->code == Code::AlreadyExists) << error->message;
  }
  done(perform(OrderKind::Create, "a", {{"size_bytes", "4194304"}}));
  EXPECT_EQ(backend_.list()->size(), 1U);
}

}  // namespace
}  // namespace blockplug::rbd::testing
