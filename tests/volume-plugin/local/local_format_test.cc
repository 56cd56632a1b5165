// SPDX-License-Identifier: Apache-2.0
// What is known about a volume's contents without reading them: its format record, and whether it was ever written.
#include <sys/mount.h>
#include <sys/xattr.h>

#include <fstream>

#include "tests/volume-plugin/local/hold_fixture.h"

namespace blockplug::local::testing {
namespace {
namespace fs = std::filesystem;
using State = FormatRecord::State;
constexpr const char* kUuid = "0f3c2a1e-9b7d-4c55-8a10-d2f4b6e81c37";

class FormatRecordsTest : public LocalHoldTest {
 protected:
  Asking asking_{"a"};
  FormatRecord record(State state) const { return state == State::Never ? FormatRecord{} : FormatRecord{state, "ext4", kUuid}; }
  FormatRecord recorded(LocalBackend& backend) {
    auto found = backend.format_of(asking_.call());
    if (!found.ok()) ADD_FAILURE() << found.error().message;
    return found.ok() ? *found : FormatRecord{};
  }
  void write_into(const std::string& path) {
    std::fstream file(path, std::ios::in | std::ios::out);
    file << "data";
    file.close();
    EXPECT_TRUE(file);
  }
  std::string never_written(LocalHold& hold, Asking& asking) { return done(hold.raise(asking.call()))["image.never_written"]; }
};

TEST_F(FormatRecordsTest, AreWithTheImageNotWithTheDaemon) {
  make_volume("a");
  EXPECT_EQ(recorded(*backend_), FormatRecord{});
  for (const auto state : {State::Formatting, State::Formatted, State::Formatting, State::Never, State::Never}) {
    ASSERT_TRUE(backend_->set_format(asking_.call(), record(state)).ok());
    auto another = LocalBackend::open("local", backend_->directory().path());
    ASSERT_TRUE(another.ok());
    EXPECT_EQ(recorded(**another), record(state));
  }
}

TEST_F(FormatRecordsTest, GoWithTheVolume) {
  make_volume("a");
  ASSERT_TRUE(backend_->set_format(asking_.call(), record(State::Formatted)).ok());
  done(perform(*backend_, OrderKind::Resize, "a", 2 * kMiB));
  EXPECT_EQ(recorded(*backend_), record(State::Formatted));
  done(perform(*backend_, OrderKind::Delete, "a"));
  EXPECT_EQ(backend_->format_of(asking_.call()).error().code, Code::NotFound);
  EXPECT_EQ(backend_->set_format(asking_.call(), record(State::Formatted)).error().code, Code::NotFound);
  make_volume("a");
  EXPECT_EQ(recorded(*backend_), FormatRecord{});
}

TEST_F(FormatRecordsTest, AreDataLossWhereTheyAreUnreadable) {
  const auto path = make_volume("a");
  for (const auto& text : {std::string("formatted by hand"), std::string(), std::string(1000, 'x')}) {
    ASSERT_EQ(::setxattr(path.c_str(), "trusted.blockplug.format", text.data(), text.size(), 0), 0);
    const auto found = backend_->format_of(asking_.call());
    ASSERT_FALSE(found.ok());
    EXPECT_EQ(found.error().code, Code::DataLoss);
    expect_text(found.error().message, path);
  }
  EXPECT_EQ(backend_->set_format(asking_.call(), {State::Formatted, "ext4", "no uuid"}).error().code, Code::InvalidArgument);
}

TEST_F(FormatRecordsTest, NeedAFileSystemWithAttributesAndOneThatKnowsItsHoles) {
  const auto where = directory_.path() / "ramfs";
  fs::create_directory(where);
  ASSERT_EQ(::mount("ramfs", where.c_str(), "ramfs", 0, "mode=0700"), 0);
  {
    auto backend = LocalBackend::open("local", where);
    if (backend.ok()) {
      done(perform(**backend, OrderKind::Create, "a", kMiB));
      for (const auto& error : {(*backend)->format_of(asking_.call()).error(),
                                (*backend)->set_format(asking_.call(), record(State::Formatting)).error()}) {
        EXPECT_EQ(error.code, Code::FailedPrecondition);
        EXPECT_EQ(error.effect, Effect::None);
        expect_text(error.message, "does not support extended attributes: put the backend's path on ext4, xfs or btrfs");
      }
      EXPECT_FALSE(*(*backend)->is_never_written(asking_.call())) << "this file system cannot tell";
    }
    EXPECT_TRUE(backend.ok());
  }
  EXPECT_EQ(::umount(where.c_str()), 0);
}

TEST_F(FormatRecordsTest, KnowThatAVolumeWasNeverWritten) {
  const auto path = make_volume("a");
  EXPECT_TRUE(*backend_->is_never_written(asking_.call()));
  done(perform(*backend_, OrderKind::Resize, "a", 4 * kMiB));
  EXPECT_TRUE(*backend_->is_never_written(asking_.call()));
  std::fstream(path, std::ios::in | std::ios::out).seekp(3 * kMiB) << '\0';
  EXPECT_FALSE(*backend_->is_never_written(asking_.call())) << "one zero byte near its end";
  EXPECT_EQ(backend_->is_never_written(Asking{"none"}.call()).error().code, Code::NotFound);
}

TEST_F(FormatRecordsTest, OfAHoldSayWhatWasProvenWhenItWasRaisedFirst) {
  const auto path = make_volume("a");
  Asking asking{"a"};
  asking.before = done(hold_.raise(asking.call()));
  EXPECT_EQ(asking.before["image.never_written"], "true");
  write_into(path);
  EXPECT_EQ(hold_.probe(asking.call()).facts, asking.before);
  EXPECT_EQ(never_written(hold_, asking), "true") << "raised again: what is plugged may have been written";
  LocalHold restarted{backend_->directory(), {}};
  done(hold_.lower(asking.call()));
  EXPECT_EQ(restarted.probe(asking.call()).facts, asking.before);
  EXPECT_EQ(never_written(restarted, asking), "true") << "taken over from an earlier life";
  asking.before.erase("image.never_written");
  EXPECT_EQ(never_written(restarted, asking), "false") << "recorded before this was known";
  done(restarted.lower(asking.call()));
  asking.before = {};
  EXPECT_EQ(never_written(restarted, asking), "false") << "a new attachment is measured anew";
}

TEST_F(FormatRecordsTest, OfAHoldAreNotProvenWhileItsVmHasTheFile) {
  const auto path = make_volume("a");
  const Qemu vm{Qemu::Program::Vm, directory_.path(), path, Access::ReadWrite};
  LocalHold hold{backend_->directory(), vm_is(vm.pid())};
  Asking asking{"a"};
  EXPECT_EQ(never_written(hold, asking), "false") << "the store was lost, the guest may write at any time";
}

TEST_F(FormatRecordsTest, OfAHoldAreNotProvenWhileOurLoopDeviceIsThere) {
  const auto path = make_volume("a");
  const Loop loop{path, ""};
  LocalHold hold{backend_->directory(),
                 {.vm_process = {}, .is_our_loop = [](const AttachmentKey&, const std::string&) { return true; }}};
  Asking asking{"a", "host"};
  EXPECT_EQ(never_written(hold, asking), "false");
}
}  // namespace
}  // namespace blockplug::local::testing
