// SPDX-License-Identifier: Apache-2.0
#pragma once
// A node whose kernel has RBD, a real Ceph that it can reach (BLOCKPLUG_CEPH_DIR: where its conf is), and on them an image of its
// own for each test, with all rungs up to Own and the real helper program. What a test leaves mapped or held is a failure.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ceph/backend.h"
#include "ceph/hold.h"
#include "ceph/map/krbd_map.h"
#include "ceph/own.h"
#include "tests/support/event_log.h"

namespace blockplug::rbd::testing {

inline constexpr std::int64_t kMiB = 1 << 20;

struct Ran {
  int exit_code{};
  std::string output;
};
Ran run(const std::string& command);

std::filesystem::path ceph_directory();
Cluster& cluster();  // one connection for all tests

class KrbdNode : public ::testing::Test {
 protected:
  explicit KrbdNode(const std::string& name_space = {}, std::uint64_t features = kDefaultFeatures);
  ~KrbdNode() override;

  std::unique_ptr<KrbdMap> make_map(const std::string& owner = "node-1");
  Call call(RungKind kind = RungKind::Map, Because because = Because::Unwished);
  Attempt perform(OrderKind kind, Facts arguments);
  void hold(Access access = Access::ReadWrite);  // raised, and so below Map from now on
  Facts raise();                                 // Map, which remembers its facts; below Own from now on
  Facts own();
  void lower();
  Finding probe() { return map_->probe(call()); }
  std::vector<KrbdDevice> devices() const { return krbd_devices("/sys"); }
  // The arguments of the verb krbd-map for this test's image, under a mark that is not ours.
  Facts foreign_wish() const;
  std::string watchers();  // of the image, as others see it

  class NoJournal final : public Journal {
   public:
    Status keep(const Facts&) override { return Ok{}; }
  };
  const Place place_;
  const AttachmentKey key_;
  std::filesystem::path directory_;
  blockplug::testing::EventLog log_;
  BlockEvents events_{log_};
  std::unique_ptr<Helper> helper_;
  std::unique_ptr<RbdSource> source_;
  RbdBackend backend_;
  RbdHold hold_{cluster(), place_, "node-1"};
  Own own_{cluster(), place_, "node-1"};
  std::unique_ptr<KrbdMap> map_;
  Spec spec_;
  Facts below_, before_;
  NoJournal journal_;
};

std::string write_to(const std::string& device, const std::string& text);  // at its start, past all caches; empty, or why not
std::string read_from(const std::string& device, std::size_t size);

Facts done(const Attempt& attempt);           // fails the test where it is not
std::string waiting(const Attempt& attempt);  // for what; fails the test where it does not
Error error(const Attempt& attempt);
void expect_text(const std::string& message, const std::string& part);

}  // namespace blockplug::rbd::testing
