// SPDX-License-Identifier: Apache-2.0
// Creating and deleting images: interrupted at any step, and with other images of the same name.
#include "ceph/pending_image.h"

#include "ceph/connection.h"
#include "ceph/header.h"
#include "ceph/hold_record.h"
#include "ceph/wire.h"
#include "tests/ceph/images.h"

namespace blockplug::rbd::testing {
namespace {
constexpr const char* kHidden = "blockplug.making.a.0123456789abcdef";

using PendingImageTest = ImagesTest;

// An attempt is stopped wherever it was: what it left has a private name, known from its journal.
TEST_F(PendingImageTest, MakesAnewWhatWasStoppedWhileItWasMade) {
  for (const bool has_header : {true, false}) {
    EXPECT_EQ(rbd_program({"create", "--size", "8", spec(kHidden)}).exit_code, 0);
    if (!has_header) {
      ASSERT_EQ(pool().io.remove("rbd_header." + find_image(pool(), kHidden).value()), 0);
    }
    before_ = {{"making", kHidden}};
    done(perform(OrderKind::Create, "a", {{"size_bytes", "4194304"}}));
    before_ = {};
    EXPECT_EQ(images(), "a");
    done(perform(OrderKind::Delete, "a", {}));
  }
}

// librbd makes the clone's header before it says whose clone it is: such a one reads zeros.
TEST_F(PendingImageTest, NeverTakesAHalfMadeCloneForAWholeOne) {
  make_volume("a");
  write("a", 0, "hello");
  EXPECT_EQ(rbd_program({"create", "--size", "4", spec(kHidden)}).exit_code, 0);
  EXPECT_EQ(rbd_program({"snap", "create", "--no-progress", spec("a@blockplug.clone.a.0123456789abcdef")}).exit_code, 0);
  before_ = {{"making", kHidden}};
  done(perform(OrderKind::Clone, "b", {{"source", "a"}}));
  EXPECT_EQ(read("b", 0, 5), "hello");
  EXPECT_EQ(images(), "a\nb");
  before_ = {};
  done(perform(OrderKind::Delete, "b", {}));
  EXPECT_EQ(rbd_program({"snap", "ls", "--all", spec("a")}).output, "");
}

TEST_F(PendingImageTest, ClearsWhatItLeftAlsoWhereTheNameIsAnothersByNow) {
  make_volume("a");
  make_volume("ours");
  EXPECT_EQ(rbd_program({"create", "--size", "4", spec("theirs")}).exit_code, 0);
  for (const std::string name : {"theirs", "ours"}) {
    EXPECT_EQ(rbd_program({"create", "--size", "4", spec(kHidden)}).exit_code, 0);
    EXPECT_EQ(rbd_program({"snap", "create", "--no-progress", spec("a@blockplug.clone.a.0123456789abcdef")}).exit_code, 0);
    before_ = {{"making", kHidden}, {"made", find_image(pool(), kHidden).value()}};
    EXPECT_EQ(error(perform(OrderKind::Clone, name, {{"source", "a"}})).code, Code::AlreadyExists);
    EXPECT_EQ(images(), "a\nours\ntheirs");
    EXPECT_EQ(rbd_program({"snap", "ls", "--all", spec("a")}).output, "");
  }
}

TEST_F(PendingImageTest, AMakingThatFailsLeavesNothing) {
  make_volume("a");
  write("a", 0, "hello");
  EXPECT_EQ(rbd_program({"create", "--size", "4", spec("taken")}).exit_code, 0);
  EXPECT_EQ(error(perform(OrderKind::Clone, "taken", {{"source", "a"}})).code, Code::AlreadyExists);
  EXPECT_EQ(error(perform(OrderKind::Clone, "b", {{"source", "a@none"}})).code, Code::NotFound);
  EXPECT_EQ(images(), "a\ntaken");
  EXPECT_EQ(rbd_program({"snap", "ls", "--all", spec("a")}).output, "");
  EXPECT_EQ(error(perform(OrderKind::Create, kHidden, {{"size_bytes", "4194304"}})).code, Code::InvalidArgument);
}

// librbd gives the second name, then changes the directory, then takes the first name.
TEST_F(PendingImageTest, EndsANamingThatWasStopped) {
  for (const bool is_listed : {false, true}) {
    EXPECT_EQ(rbd_program({"create", "--size", "4", spec(kHidden)}).exit_code, 0);
    const auto id = find_image(pool(), kHidden).value();
    ASSERT_TRUE(set_metadata(pool(), id, kImageMark, id).ok());
    librados::bufferlist named;
    ASSERT_GT(pool().io.read(std::string{"rbd_id."} + kHidden, named, 0, 0), 0);
    if (is_listed) {
      EXPECT_EQ(rbd_program({"rename", spec(kHidden), spec("a")}).exit_code, 0);
      ASSERT_EQ(pool().io.write_full(std::string{"rbd_id."} + kHidden, named), 0);
    } else {
      ASSERT_EQ(pool().io.write_full("rbd_id.a", named), 0);
    }
    before_ = {{"making", kHidden}};
    const auto facts = done(perform(OrderKind::Create, "a", {{"size_bytes", "4194304"}}));
    EXPECT_TRUE(facts.at("image").ends_with("/" + id));
    EXPECT_EQ(images(), "a");
    EXPECT_EQ(find_image(pool(), kHidden).error().code, Code::NotFound);
    before_ = {};
    done(perform(OrderKind::Delete, "a", {}));
  }
}

// It has all metadata of its parent, our mark among it.
TEST_F(PendingImageTest, ACloneThatSomebodyMadeOfOursIsNotOurs) {
  make_volume("a");
  done(perform(OrderKind::Snapshot, "a", {{"snapshot", "monday"}}));
  EXPECT_EQ(rbd_program({"clone", spec("a@monday"), spec("theirs")}).exit_code, 0);
  expect_text(rbd_program({"image-meta", "ls", spec("theirs")}).output, "blockplug.image");
  EXPECT_EQ(backend_.find(VolumeId{"ceph/theirs"})->details.at("managed"), "false");
  EXPECT_EQ(backend_.list()->size(), 1U);
  expect_text(error(perform(OrderKind::Delete, "theirs", {})).message, "Blockplug did not create this image");
  EXPECT_EQ(error(perform(OrderKind::Clone, "theirs", {{"source", "a@monday"}})).code, Code::AlreadyExists);
}

// Another makes it between our look and our own making: the journal is where both have happened.
TEST_F(PendingImageTest, NeverMarksAnImageThatSomebodyElseMadeMeanwhile) {
  for (const Order& order :
       {Order{.id = 1, .volume = VolumeId{"ceph/a"}, .kind = OrderKind::Create, .arguments = {{"size_bytes", "4194304"}}},
        Order{.id = 2, .volume = VolumeId{"ceph/b"}, .kind = OrderKind::Clone, .arguments = {{"source", "base"}}}}) {
    if (order.kind == OrderKind::Clone) make_volume("base");
    const auto name = name_of(order.volume);
    Meddler rival{"making", [&] { EXPECT_EQ(rbd_program({"create", "--size", "4", spec(name)}).exit_code, 0); }};
    for (const auto code : {Code::Aborted, Code::AlreadyExists}) {
      const auto before = rival.kept;  // the second time it is a repeated order, as after a crash
      const auto refused = error(backend_.perform(
          {.order = order, .before = before, .deadline = Time::max(), .stop = {}, .operation = "test", .journal = rival}));
      EXPECT_EQ(refused.code, code) << refused.message;
      EXPECT_EQ(refused.effect, Effect::None);
    }
    EXPECT_EQ(backend_.find(order.volume)->details.at("managed"), "false");
  }
  EXPECT_EQ(images(), "a\nb\nbase");
  EXPECT_EQ(rbd_program({"snap", "ls", "--all", spec("base")}).output, "");
}

// A delete that is stopped when the header has gone leaves the name, under which nothing can be made or found.
TEST_F(PendingImageTest, FinishesADeleteThatLeftOnlyTheName) {
  make_volume("a");
  const auto id = find_image(pool(), "a").value();
  ASSERT_EQ(pool().io.remove("rbd_header." + id), 0);
  const auto found = backend_.find(VolumeId{"ceph/a"});
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, Code::DataLoss);
  expect_text(found.error().message, "only the name is left");
  expect_text(error(perform(OrderKind::Create, "a", {{"size_bytes", "4194304"}})).message, "Delete the volume to finish it");
  done(perform(OrderKind::Delete, "a", {{"image", ""}}));
  EXPECT_EQ(backend_.find(VolumeId{"ceph/a"}).error().code, Code::NotFound);
  EXPECT_EQ(rbd_program({"ls", "volumes/" + name_space_}).output, "");
  make_volume("a");
  expect_text(error(perform(OrderKind::Delete, "a", {{"image", ""}})).message,
              "a new volume of this name was created in the meantime");
  EXPECT_TRUE(backend_.find(VolumeId{"ceph/a"}).ok());
  // The name without its id, as after an interrupted move to the trash.
  const auto younger = find_image(pool(), "a").value();
  ASSERT_EQ(pool().io.remove("rbd_id.a"), 0);
  expect_text(error(perform(OrderKind::Delete, "a", {})).message, "finish it with `rbd trash mv " + spec("a") + "`");
  ASSERT_EQ(pool().io.remove("rbd_header." + younger), 0);
  done(perform(OrderKind::Delete, "a", {}));
  EXPECT_EQ(images(), "");
  make_volume("a");
}

// An attempt kept what it removes, and was stopped anywhere between that and its end.
// A copy gets the volume's name when it has its size: nobody takes one that another controller left half made for it.
TEST_F(PendingImageTest, GivesACopyItsNameWhenItHasItsSize) {
  make_volume("a");
  std::int64_t size{};
  Meddler meddler{"made", [&] {
                    EXPECT_EQ(find_image(pool(), "b").error().code, Code::NotFound);
                    size = read_header(pool(), meddler.kept.at("made"))->size_bytes;
                  }};
  const Order order{7, VolumeId{"ceph/b"}, OrderKind::Clone, {{"source", "a"}, {"size_bytes", "8388608"}}};
  done(backend_.perform(OrderCall{order, {}, Time::max(), {}, "test", meddler}));
  EXPECT_EQ(size, 8388608);
  EXPECT_EQ(read_header_of(pool(), "b")->size_bytes, 8388608);
}

// An attempt kept what it removes, and was stopped anywhere between that and its end.
TEST_F(PendingImageTest, EndsADeleteThatWasStoppedInTheTrash) {
  for (const int names_left : {0, 1, 2}) {
    make_volume("a");
    const auto id = find_image(pool(), "a").value();
    librados::bufferlist named;
    ASSERT_GT(pool().io.read("rbd_id.a", named, 0, 0), 0);
    EXPECT_EQ(rbd_program({"trash", "mv", spec("a")}).exit_code, 0);
    if (names_left > 1) {
      ASSERT_EQ(pool().io.write_full("rbd_id.a", named), 0);
    }
    if (names_left > 0) {
      librados::bufferlist entry, answer;
      entry.append(Encoder{}.text("a").text(id).bytes());
      ASSERT_EQ(pool().io.exec("rbd_directory", "rbd", "dir_add_image", entry, answer), 0);
    }
    before_ = {{"removing", id}, {"parent", ""}};
    done(perform(OrderKind::Delete, "a", {}));
    EXPECT_EQ(images() + in_trash(), "");
    done(perform(OrderKind::Delete, "a", {}));
    before_ = {};
  }
}

TEST_F(PendingImageTest, EndsADeleteBesideAYoungerImageOfTheName) {
  make_volume("a");
  const auto id = find_image(pool(), "a").value();
  EXPECT_EQ(rbd_program({"trash", "mv", spec("a")}).exit_code, 0);
  make_volume("a");
  before_ = {{"removing", id}, {"parent", ""}};
  for (int i = 0; i < 2; ++i) done(perform(OrderKind::Delete, "a", {}));
  EXPECT_EQ(images(), "a");
  EXPECT_EQ(in_trash(), "");
}

// librbd deletes by name: what gets the name in the last moment is not erased.
TEST_F(PendingImageTest, ErasesNothingThatGotTheNameInTheLastMoment) {
  make_volume("a");
  const auto id = find_image(pool(), "a").value();
  Meddler meddler{"removing", [&] {
                    EXPECT_EQ(rbd_program({"rename", spec("a"), spec("old")}).exit_code, 0);
                    EXPECT_EQ(rbd_program({"create", "--size", "4", spec("a")}).exit_code, 0);
                    write("a", 0, "younger");
                  }};
  const Order order{.id = 1, .volume = VolumeId{"ceph/a"}, .kind = OrderKind::Delete, .arguments = {}};
  const auto refused = error(backend_.perform(
      {.order = order, .before = {}, .deadline = Time::max(), .stop = {}, .operation = "test", .journal = meddler}));
  EXPECT_EQ(refused.code, Code::Aborted);
  expect_text(refused.message, "restore it with `rbd trash restore`");
  EXPECT_EQ(images(), "old");
  EXPECT_EQ(held_by("old"), "");
  const auto trash = in_trash();
  ASSERT_NE(trash.find(" a"), std::string::npos) << trash;
  EXPECT_EQ(rbd_program({"trash", "restore", "volumes/" + name_space_ + "/" + trash.substr(0, trash.find(' '))}).exit_code, 0);
  EXPECT_EQ(read("a", 0, 7), "younger");
}

// Nothing is erased of an image that has its name, so a delete that is refused lets go of it, also of an earlier attempt of this
// node. Another node may be in the middle of its own.
TEST_F(PendingImageTest, ARefusedDeleteLetsGoOfTheImageButNotOfAnotherNodesDelete) {
  make_volume("a");
  for (const std::string node : {"node-1", "node-9"}) {
    auto header = read_header_of(pool(), "a");
    const auto mark = to_text(HoldRecord{.holders = {}, .fencing = {}, .deleting = node});
    ASSERT_TRUE(change_hold(pool(), header->id, header->hold, mark).ok());
    ASSERT_EQ(rbd_program({"lock", "add", spec("a"), "theirs"}).exit_code, 0);
    const auto refused = error(perform(OrderKind::Delete, "a", {}));
    expect_text(refused.message, "it is locked by client.");
    EXPECT_EQ(refused.effect, Effect::None);
    EXPECT_EQ(held_by("a"), node == "node-1" ? "" : "being deleted by node node-9");
    const auto locks = rbd_program({"lock", "ls", spec("a")}).output;
    const auto at = locks.find("client.");
    ASSERT_NE(at, std::string::npos) << locks;
    EXPECT_EQ(rbd_program({"lock", "rm", spec("a"), "theirs", locks.substr(at, locks.find(' ', at) - at)}).exit_code, 0);
  }
  done(perform(OrderKind::Delete, "a", {}));
}

}  // namespace
}  // namespace blockplug::rbd::testing
