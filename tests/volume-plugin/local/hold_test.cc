// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/local/hold.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <future>

#include "tests/volume-plugin/local/hold_fixture.h"

namespace blockplug::local::testing {
namespace {
namespace fs = std::filesystem;

TEST_F(LocalHoldTest, IsDownThenUpThenDownAgain) {
  const auto path = make_volume("a");
  Asking asking{"a"};
  EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Down);
  const auto facts = done(hold_.raise(asking.call()));
  EXPECT_EQ(facts.at("image.id"), backend_->find(asking.key.volume)->image.str());
  EXPECT_EQ(facts.at("image.path"), path);
  EXPECT_EQ(facts.at("image.size_bytes"), "1048576");
  EXPECT_EQ(facts.at("image.direct"), "true");
  const auto up = hold_.probe(asking.call());
  EXPECT_EQ(up.standing, Standing::Up) << up.why;
  EXPECT_EQ(up.facts, facts);
  EXPECT_EQ(done(hold_.raise(asking.call())), facts);
  EXPECT_TRUE(hold_.survey(Clock::now() + std::chrono::minutes(1)).empty());
  done(hold_.lower(asking.call()));
  done(hold_.lower(asking.call()));
  EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Down);
}

TEST_F(LocalHoldTest, ReadersShareAndAWriterIsAlone) {
  make_volume("a");
  const struct {
    const char* name;
    Access first, second;
    const char* refusal;
  } table[] = {
      {"two readers", Access::ReadOnly, Access::ReadOnly, nullptr},
      {"a writer after a reader", Access::ReadOnly, Access::ReadWrite,
       "it is attached read-only to vm:web-0: detach it there first"},
      {"a reader after a writer", Access::ReadWrite, Access::ReadOnly,
       "it is attached read-write to vm:web-0: detach it there first"},
      {"two writers", Access::ReadWrite, Access::ReadWrite, "it is attached read-write to vm:web-0: detach it there first"}};
  for (const auto& row : table) {
    SCOPED_TRACE(row.name);
    Asking first{"a", "vm:web-0", row.first}, second{"a", "host", row.second};
    done(hold_.raise(first.call()));
    if (row.refusal == nullptr) {
      done(hold_.raise(second.call()));
      done(hold_.lower(second.call()));
    } else {
      EXPECT_EQ(hold_.probe(second.call()).standing, Standing::Foreign);
      expect_text(refusal(hold_, second).message, row.refusal);
    }
    EXPECT_EQ(hold_.probe(first.call()).standing, Standing::Up);
    done(hold_.lower(first.call()));
  }
}

TEST_F(LocalHoldTest, IsHeldAgainstAnotherDaemonUntilThatOneEnds) {
  make_volume("a");
  Asking writer{"a"}, reader{"a", "vm:web-0", Access::ReadOnly};
  {
    const SecondDaemon second{backend_->directory().path(), "a", Access::ReadWrite};
    const auto found = hold_.probe(writer.call());
    EXPECT_EQ(found.standing, Standing::Foreign);
    expect_text(found.why, "another Blockplug daemon holds it, process " + std::to_string(second.pid()) + " (");
    expect_text(refusal(hold_, writer).message,
                "another Blockplug daemon holds it, process " + std::to_string(second.pid()) + " (");
    refusal(hold_, reader);
  }
  {
    const SecondDaemon second{backend_->directory().path(), "a", Access::ReadOnly};
    refusal(hold_, writer);
    done(hold_.raise(reader.call()));
    done(hold_.lower(reader.call()));
  }
  done(hold_.raise(writer.call()));
}

TEST_F(LocalHoldTest, IsRefusedBesideQemuByWhatQemuDoesThere) {
  const auto path = make_volume("a");
  const struct {
    const char* name;
    std::int64_t byte;
    bool stops_writer, stops_reader;
  } table[] = {{"below its bytes", 99, false, false},
               {"reads", 100, true, false},
               {"writes", 101, true, true},
               {"resizes", 103, true, true},
               {"shares no reading", 200, true, true},
               {"shares no writing", 201, true, false},
               {"the last byte", 300, true, false},
               {"beyond its bytes", 301, false, false}};
  for (const auto& row : table) {
    SCOPED_TRACE(row.name);
    const ByteLock qemu{path, row.byte};
    for (const auto access : {Access::ReadWrite, Access::ReadOnly}) {
      Asking asking{"a", "vm:web-0", access};
      const bool is_stopped = access == Access::ReadWrite ? row.stops_writer : row.stops_reader;
      EXPECT_EQ(hold_.probe(asking.call()).standing, is_stopped ? Standing::Foreign : Standing::Down);
      EXPECT_EQ(std::holds_alternative<Error>(hold_.raise(asking.call())), is_stopped);
      done(hold_.lower(asking.call()));
    }
  }
}

TEST_F(LocalHoldTest, SurvivesThatOthersCloseTheFile) {
  const auto path = make_volume("a");
  Asking asking{"a"};
  done(hold_.raise(asking.call()));
  { const FileDescriptor other{::open(path.c_str(), O_RDWR | O_CLOEXEC)}; }
  LocalHold other{backend_->directory(), {}};
  EXPECT_EQ(other.probe(asking.call()).standing, Standing::Foreign);
}

TEST_F(LocalHoldTest, OfAnEarlierLifeIsStaleAndTakenAgain) {
  make_volume("a");
  Asking asking{"a"};
  {
    LocalHold earlier{backend_->directory(), {}};
    asking.before = done(earlier.raise(asking.call()));
  }
  const auto found = hold_.probe(asking.call());
  EXPECT_EQ(found.standing, Standing::Stale);
  EXPECT_EQ(found.facts, asking.before);
  expect_text(found.why, "taken again");
  EXPECT_EQ(done(hold_.raise(asking.call())), asking.before);
  EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Up);
}

TEST_F(LocalHoldTest, SaysThatTheFileWasReplacedOrDeleted) {
  const auto path = make_volume("a");
  Asking asking{"a"};
  asking.before = done(hold_.raise(asking.call()));
  LocalHold later{backend_->directory(), {}};  // a daemon that only has the record

  fs::rename(path, path + ".moved");
  EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Stale);
  EXPECT_EQ(later.probe(asking.call()).standing, Standing::Stale);
  expect_text(refusal(later, asking).message, "the file was replaced or deleted: " + path + " no longer exists");

  const std::ofstream made(path);
  const auto replaced = hold_.probe(asking.call());
  EXPECT_EQ(replaced.standing, Standing::Stale);
  expect_text(replaced.why, "replaced or deleted");
  EXPECT_EQ(later.probe(asking.call()).standing, Standing::Stale);
  for (auto* hold : {&hold_, &later}) expect_text(refusal(*hold, asking).message, "it was " + asking.before.at("image.id"));

  fs::rename(path + ".moved", path);
  EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Up);
}

TEST_F(LocalHoldTest, OfAnotherBootMayHaveAnotherDeviceNumber) {
  make_volume("a");
  Asking asking{"a"};
  asking.before = {{"image.id", "file:1:2"}, {"image.boot", "another boot"}};
  EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Stale);
  EXPECT_NE(done(hold_.raise(asking.call())).at("image.id"), "file:1:2");
}

TEST_F(LocalHoldTest, IsStaleWhenTheDesiredStateChangedItsAccess) {
  make_volume("a");
  Asking asking{"a", "vm:web-0", Access::ReadOnly}, other{"a", "host", Access::ReadOnly};
  done(hold_.raise(asking.call()));
  asking.spec.access = Access::ReadWrite;
  EXPECT_EQ(hold_.probe(asking.call()).why, "it is held read-only, not read-write");
  done(hold_.raise(asking.call()));
  EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Up);
  refusal(hold_, other);
}

TEST_F(LocalHoldTest, OfManyVolumesAreRaisedAndLoweredAtOnce) {
  std::vector<std::future<void>> workers;
  for (int i = 0; i < 8; ++i) {
    make_volume("v" + std::to_string(i));
    workers.push_back(std::async(std::launch::async, [this, i] {
      Asking asking{"v" + std::to_string(i)};
      for (int round = 0; round < 20; ++round) {
        done(hold_.raise(asking.call()));
        EXPECT_EQ(hold_.probe(asking.call()).standing, Standing::Up);
        done(hold_.lower(asking.call()));
      }
    }));
  }
  for (auto& worker : workers) worker.get();
}

TEST_F(LocalHoldTest, OfWhatIsNoVolumeIsRefused) {
  fs::create_symlink("/etc/passwd", backend_->directory().path_of("link"));
  Asking none{"none"}, link{"link"}, bad{"../x"};
  EXPECT_EQ(hold_.probe(none.call()).standing, Standing::Down);
  EXPECT_EQ(error(hold_.raise(none.call())).code, Code::NotFound);
  expect_text(refusal(hold_, link).message, "is a symbolic link");
  EXPECT_EQ(error(hold_.raise(bad.call())).code, Code::InvalidArgument);
}

TEST_F(LocalHoldTest, OnAReadOnlyFileSystemIsForReadersOnly) {
  Tmpfs mounted{directory_.path() / "mounted", "size=4m"};
  const auto backend = LocalBackend::open("local", directory_.path() / "mounted");
  done(perform(**backend, OrderKind::Create, "a", kMiB));
  mounted.make_read_only();
  LocalHold hold{(*backend)->directory(), {}};
  Asking writer{"a"}, reader{"a", "vm:web-0", Access::ReadOnly};
  const auto refused = refusal(hold, writer).message;
  expect_text(refused, "Read-only file system");
  expect_text(refused, "attach the volume read-only");
  const auto facts = done(hold.raise(reader.call()));
  EXPECT_TRUE(facts.at("image.direct") == "true" || facts.at("image.direct") == "false");
}

TEST_F(LocalHoldTest, IsRefusedWhereAMountHidesTheFile) {
  make_volume("a");
  const Tmpfs over{backend_->directory().path(), "size=1m"};
  Asking asking{"a"};
  expect_text(refusal(hold_, asking).message, "replaced or deleted while it was being attached");
}

}  // namespace
}  // namespace blockplug::local::testing
