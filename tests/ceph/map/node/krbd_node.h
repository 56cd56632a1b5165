// SPDX-License-Identifier: Apache-2.0
#pragma once
// A node whose kernel has RBD, a real Ceph that it can reach (BLOCKPLUG_CEPH_DIR: the directory of its conf), and a separate image
// for each test, with all rungs up to Own and the real helper program. A mapping or hold that a test leaves behind is a failure.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ceph/backend.h"
#include "ceph/hold.h"
#include "ceph/map/krbd_map.h"
#include "ceph/own.h"
#include "hotplug/rungs.h"
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
  Call call(RungKind kind = rungs::kMap, LowerReason because = LowerReason::NotWanted);
  Attempt perform(OrderKind kind, Facts arguments);
  void hold(Access access = Access::ReadWrite);  // raises it; it is below Map from now on
  Facts raise();                                 // raises Map and keeps its facts; it is below Own from now on
  Facts own();
  void lower();
  Finding probe() { return map_->probe(call()); }
  std::vector<KrbdDevice> devices() const { return krbd_devices("/sys"); }
  // The arguments of the verb krbd-map for this test's image, with a foreign mark.
  Facts foreign_desired() const;
  std::string watchers();  // the image's watchers, as the cluster lists them

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

std::string write_to(const std::string& device,
                     const std::string& text);  // at its start, past all caches; returns the error, or empty
std::string read_from(const std::string& device, std::size_t size);

Facts done(const Attempt& attempt);           // fails the test if it is not Done
std::string waiting(const Attempt& attempt);  // what it waits for; fails the test if it is not Waiting
Error error(const Attempt& attempt);
void expect_text(const std::string& message, const std::string& part);

}  // namespace blockplug::rbd::testing
