// SPDX-License-Identifier: Apache-2.0
#include "ceph/map/rbd_map.h"

#include "ceph/hold.h"
#include "tests/ceph/images.h"

namespace blockplug::rbd::testing {
namespace {

// A mapper that only records its calls.
class PaperMapper final : public Mapper {
 public:
  explicit PaperMapper(const char* name) : name_(name) {}
  const char* name() const override { return name_; }
  std::optional<int> most_ancestors() const override { return most; }
  std::optional<std::string> unfit(const Call&, const Header&) override { return why_unfit; }
  Attempt raise(const Call&) override { return is_mapped = true, Done{{{"device.mapper", name_}}}; }
  Attempt lower(const Call&) override { return is_mapped = false, Done{}; }
  Finding probe(const Call&) override {
    if (!why_unknown.empty()) return {Standing::Unknown, {}, why_unknown};
    return {is_mapped ? Standing::Up : Standing::Down, is_mapped ? Facts{{"device.mapper", name_}} : Facts{}, {}};
  }
  Survey survey(Time) override { return {}; }
  bool is_mapped{};
  std::optional<std::string> why_unfit;
  std::string why_unknown;
  std::optional<int> most;

 private:
  const char* name_;
};

class RbdMapTest : public ImagesTest {
 protected:
  RbdMapTest() {
    make_volume("a");
    const auto facts = done(hold_.raise(asking_.call()));
    for (const auto& [name, value] : facts) asking_.below[name] = value;
  }
  ~RbdMapTest() override {
    asking_.before.clear();
    done(hold_.lower(asking_.call()));
  }
  RbdMap choosing(std::vector<Mapper*> allowed) { return {cluster_, place(), {&krbd_, &fuse_}, std::move(allowed)}; }

  PaperMapper krbd_{"krbd"}, fuse_{"fuse"};
  Asking asking_{"a", "host"};
  RbdHold hold_{cluster_, place(), "node-1"};
};

TEST_F(RbdMapTest, TakesTheFirstThatCan) {
  auto automatic = choosing({&krbd_, &fuse_});
  krbd_.why_unfit = "no module";
  EXPECT_EQ(done(automatic.raise(asking_.call())).at("device.mapper"), "fuse");
  krbd_.why_unfit.reset();
  EXPECT_EQ(done(automatic.raise(asking_.call())).at("device.mapper"), "fuse") << "what is mapped stays with who mapped it";
  done(automatic.lower(asking_.call()));
  EXPECT_EQ(done(automatic.raise(asking_.call())).at("device.mapper"), "krbd");
}

TEST_F(RbdMapTest, TakesNoneForACloneWithMoreImagesBelowItThanItCanRead) {
  done(perform(OrderKind::Clone, "b", {{"source", "a"}}));
  Asking clone{"b", "host"};
  const auto held = done(hold_.raise(clone.call()));
  for (const auto& [name, value] : held) clone.below[name] = value;
  krbd_.most = 0;
  EXPECT_EQ(done(choosing({&krbd_}).raise(asking_.call())).at("device.mapper"), "krbd") << "it is no clone";
  done(choosing({&krbd_}).lower(asking_.call()));
  const auto refused = error(choosing({&krbd_}).raise(clone.call()));
  EXPECT_EQ(refused.code, Code::FailedPrecondition);
  expect_text(refused.message, "krbd: it is a clone with more than 0 images below it: set `mapper: fuse`");
  EXPECT_EQ(done(choosing({&krbd_, &fuse_}).raise(clone.call())).at("device.mapper"), "fuse");
  done(choosing({&fuse_}).lower(clone.call()));
  krbd_.most = 1;
  EXPECT_EQ(done(choosing({&krbd_}).raise(clone.call())).at("device.mapper"), "krbd");
  done(choosing({&krbd_}).lower(clone.call()));
  done(hold_.lower(clone.call()));
}

TEST_F(RbdMapTest, NamesWhyNoneCan) {
  krbd_.why_unfit = "no module";
  fuse_.why_unfit = "no /dev/fuse";
  const auto refused = error(choosing({&krbd_, &fuse_}).raise(asking_.call()));
  EXPECT_EQ(refused.code, Code::FailedPrecondition);
  expect_text(refused.message, "image " + spec("a") + " cannot be mapped on this host: krbd: no module; fuse: no /dev/fuse");
}

// The configuration was krbd when it was mapped, and is fuse now. With a record, and without one, as after a crash.
TEST_F(RbdMapTest, KnowsWhatAnotherMapperMappedBeforeTheConfigurationChanged) {
  for (const bool is_recorded : {true, false}) {
    krbd_.is_mapped = true;
    asking_.before = is_recorded ? Facts{{"device.mapper", "krbd"}} : Facts{};
    auto changed = choosing({&fuse_});
    EXPECT_EQ(changed.probe(asking_.call()).standing, Standing::Up);
    EXPECT_EQ(done(changed.raise(asking_.call())).at("device.mapper"), "krbd");
    EXPECT_FALSE(fuse_.is_mapped) << "mapped twice";
    done(changed.lower(asking_.call()));
    EXPECT_FALSE(krbd_.is_mapped);
    asking_.before.clear();
    EXPECT_EQ(done(changed.raise(asking_.call())).at("device.mapper"), "fuse");
    done(changed.lower(asking_.call()));
  }
}

TEST_F(RbdMapTest, MapsNothingAnewWhileItCannotBeToldWhetherItIsMapped) {
  fuse_.why_unknown = "its storage daemon does not answer";
  const auto refused = error(choosing({&krbd_, &fuse_}).raise(asking_.call()));
  EXPECT_EQ(refused.code, Code::Unavailable);
  expect_text(refused.message, "fuse: its storage daemon does not answer");
  EXPECT_FALSE(krbd_.is_mapped);
}

}  // namespace
}  // namespace blockplug::rbd::testing
