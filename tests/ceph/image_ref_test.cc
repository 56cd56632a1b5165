// SPDX-License-Identifier: Apache-2.0
// Everything acts on the image that facts below name, and leaves the one alone that has the volume's name. What QEMU and the fuse
// mapper do with it is tested beside them.
#include "ceph/image_ref.h"

#include "ceph/connection.h"
#include "ceph/fence.h"
#include "ceph/hold.h"
#include "ceph/hold_watch.h"
#include "ceph/own.h"
#include "hotplug/host/process/process.h"
#include "tests/ceph/elsewhere.h"
#include "tests/ceph/images.h"
#include "tests/support/event_log.h"

namespace blockplug::rbd::testing {
namespace {
using blockplug::testing::EventLog;

TEST(ImageRef, IsWhatFactsBelowSayElseTheConfigurationAndTheVolumesName) {
  const Place place{.backend = "ceph", .pool = "volumes", .name_space = "space"};
  Asking asking{"a"};
  EXPECT_EQ(image_ref(asking.call(), place), (ImageRef{"volumes", "space", "a"}));
  asking.below = {{"image.name", "b"}};
  EXPECT_EQ(image_ref(asking.call(), place), (ImageRef{"volumes", "space", "b"}));
  asking.below["image.pool"] = "vault";
  EXPECT_EQ(image_ref(asking.call(), place), (ImageRef{"vault", "", "b"})) << "the namespace is that pool's";
  asking.below["image.namespace"] = "other";
  asking.below["image.rbd_id"] = "10a7";
  EXPECT_EQ(image_ref(asking.call(), place), (ImageRef{"vault", "other", "b", "10a7"}));
  EXPECT_EQ(held_image_ref(asking.call(), place), image_ref(asking.call(), place)) << "nothing is recorded";
  asking.before = {{"image.pool", "volumes"}, {"image.namespace", ""}, {"image.name", "c"}, {"image.rbd_id", "10c9"}};
  EXPECT_EQ(held_image_ref(asking.call(), place), (ImageRef{"volumes", "", "c", "10c9"}));
}

class ImageRefTest : public ImagesTest {
 protected:
  ImageRefTest() : elsewhere_(name_space_) { make_volume("a"); }
  Facts hold() {
    asking_.before = done(hold_.raise(asking_.call()));
    for (const auto& [name, value] : asking_.before) asking_.below[name] = value;
    return asking_.before;
  }

  Elsewhere elsewhere_;
  EventLog events_;
  std::shared_ptr<Cluster> watched_ = std::make_shared<Cluster>(our_options());
  HoldWatch watch_{{watched_, "node-1", events_, std::chrono::milliseconds{50}}};
  RbdHold hold_{cluster_, place(), "node-1", &watch_};
  Own own_{cluster_, place(), "node-1"};
  Asking asking_ = [this] {
    Asking asking{"a"};
    asking.below = elsewhere_.facts();
    return asking;
  }();
};

TEST_F(ImageRefTest, IsHeldAndSaysForAllAboveWhichItIs) {
  EXPECT_EQ(hold_.probe(asking_.call()).standing, Standing::Down);
  const auto facts = hold();
  EXPECT_EQ(facts.at("image.id"), "rbd:" + cluster_.fsid().value() + "/vault//" + elsewhere_.id(cluster_));
  EXPECT_EQ(facts.at("image.rbd_id"), elsewhere_.id(cluster_));
  EXPECT_EQ(facts.at("image.pool"), "vault");
  EXPECT_EQ(facts.at("image.namespace"), "");
  EXPECT_EQ(facts.at("image.name"), elsewhere_.image().name);
  EXPECT_EQ(facts.at("image.never_written"), "true");
  expect_text(elsewhere_.held_by(cluster_), "node node-1 for ceph/a to vm:web-0, read-write, since ");
  EXPECT_EQ(held_by("a"), "");
  const auto found = hold_.probe(asking_.call());
  EXPECT_EQ(found.standing, Standing::Up) << found.why;
  EXPECT_EQ(found.facts, facts);

  RbdHold second{cluster_, place(), "node-2"};
  Asking other{"z", "host"};
  other.below = elsewhere_.facts();
  expect_text(error(second.raise(other.call())).message, "image " + elsewhere_.spec() + ": it is held by node node-1");
  Asking named{"a", "host"};
  named.before = done(hold_.raise(named.call()));
  expect_text(held_by("a"), "node node-1 for ceph/a to host");
  done(hold_.lower(named.call()));

  asking_.below = {};  // who said which image it is says so no more
  EXPECT_EQ(hold_.probe(asking_.call()).standing, Standing::Up);
  done(hold_.lower(asking_.call()));
  EXPECT_EQ(elsewhere_.held_by(cluster_), "");
}

// Another image than the one that is held must not pass for it.
TEST_F(ImageRefTest, ThatIsAnotherNowIsNotTheHeldOne) {
  hold();
  asking_.below = {{"image.pool", "volumes"}, {"image.namespace", name_space_}, {"image.name", "a"}};
  EXPECT_EQ(hold_.probe(asking_.call()).standing, Standing::Stale);
  EXPECT_EQ(error(hold_.raise(asking_.call())).code, Code::FailedPrecondition);
  EXPECT_EQ(held_by("a"), "");
  done(hold_.lower(asking_.call()));
  EXPECT_EQ(elsewhere_.held_by(cluster_), "") << "what is let go is what was held";
}

TEST_F(ImageRefTest, KeepsItsOwnFormatRecord) {
  hold();
  const FormatRecord formatted{FormatRecord::State::Formatted, "ext4", "0c8f3a4e-0000-4000-8000-000000000001"};
  ASSERT_TRUE(formats_.set_format(asking_.call(), formatted).ok());
  EXPECT_EQ(*formats_.format_of(asking_.call()), formatted);
  EXPECT_EQ(*formats_.format_of(Asking{"a"}.call()), FormatRecord{});
  expect_text(rbd_program({"image-meta", "get", elsewhere_.spec(), "blockplug.format"}).output, "formatted ext4");
  EXPECT_NE(rbd_program({"image-meta", "get", spec("a"), "blockplug.format"}).exit_code, 0);
  write("a", kMiB, "x");
  EXPECT_TRUE(*formats_.is_never_written(asking_.call()));
  EXPECT_FALSE(*formats_.is_never_written(Asking{"a"}.call()));
  done(hold_.lower(asking_.call()));
}

TEST_F(ImageRefTest, IsFencedAndItsHolderHearsOfIt) {
  hold();
  Writer writer{elsewhere_.image().name, elsewhere_.image().name_space, elsewhere_.image().pool};
  put_facts(*identify_process(writer.pid()), asking_.below);
  EXPECT_EQ(done(own_.raise(asking_.call(rungs::kOwn))).at("image.client"), writer.address());
  EXPECT_EQ(own_.probe(asking_.call(rungs::kOwn)).standing, Standing::Up);
  Asking named{"a", "host"};
  named.before = done(hold_.raise(named.call()));

  Cluster second{our_options()};
  const Order order{.id = 1, .volume = asking_.key.volume, .kind = OrderKind::Fence, .arguments = {}};
  const auto fenced = Fence{second, elsewhere_.image(), "node-2"}.perform(
      {.order = order, .before = before_, .deadline = Time::max(), .stop = {}, .operation = "test", .journal = journal_});
  ASSERT_TRUE(fenced.ok()) << fenced.error().message;
  EXPECT_EQ(fenced->at("fenced"), writer.address());
  EXPECT_EQ(fenced->at("image"), asking_.before.at("image.id"));
  EXPECT_EQ(writer.write("too late"), "108");  // ESHUTDOWN
  EXPECT_EQ(elsewhere_.held_by(cluster_), "");
  ASSERT_TRUE(events_.wait_for("doubt ceph/a"));
  EXPECT_TRUE(hold_.probe(asking_.call()).is_fenced);
  expect_text(held_by("a"), "node node-1 for ceph/a to host");
  EXPECT_EQ(hold_.probe(named.call()).standing, Standing::Up);
  done(hold_.lower(named.call()));
  writer.kill();
}

}  // namespace
}  // namespace blockplug::rbd::testing
