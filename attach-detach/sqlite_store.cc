// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/sqlite_store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "attach-detach/sqlite_rows.h"

namespace blockplug {
namespace {

constexpr int kSchemaVersion = 3;
constexpr off_t kHeaderBytes = 100;       // of SQLite's first page: less than that is an empty file to it
constexpr off_t kReserveBytes = 1 << 20;  // some hundred detaches

Error in_directory(Code code, const std::string& directory, const std::string& what) {
  return no_effect(code, "store in " + directory + ": " + what);
}

// Room that is given up when the disk is full.
class Reserve {
 public:
  explicit Reserve(std::string path) : path_(std::move(path)) { (void)make(); }
  bool is_there() const { return is_there_; }
  bool make() {
    if (is_there_) return true;
    const int fd = ::open(path_.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    is_there_ = ::posix_fallocate(fd, 0, kReserveBytes) == 0;
    ::close(fd);
    if (!is_there_) ::unlink(path_.c_str());
    return is_there_;
  }
  bool give_up() {
    if (!is_there_) return false;
    is_there_ = false;
    return ::unlink(path_.c_str()) == 0;
  }

 private:
  std::string path_;
  bool is_there_{};
};

class Lock {  // one daemon per state directory; the kernel drops it with the process
 public:
  explicit Lock(int fd) : fd_(fd) {}
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() { ::close(fd_); }
  // The file says whether a store was ever made here, so that one truncated to nothing is not taken for a new one.
  bool says_made() const {
    struct stat found {};
    return ::fstat(fd_, &found) == 0 && found.st_size > 0;
  }
  void say_made() const { (void)!::pwrite(fd_, "made\n", 5, 0); }

 private:
  int fd_;
};

Result<std::unique_ptr<Lock>> lock(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return in_directory(Code::PermissionDenied, directory,
                        "cannot make the directory (state_dir): " + std::string(std::strerror(errno)));
  const int fd = ::open((directory + "/lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) {
    const int error = errno;
    return in_directory(error == ENOSPC ? Code::ResourceExhausted : Code::PermissionDenied, directory,
                        "cannot write there (state_dir): " + std::string(std::strerror(error)));
  }
  auto held = std::make_unique<Lock>(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0)
    return in_directory(Code::FailedPrecondition, directory,
                        "in use by another daemon. Stop that one, or give this one a state_dir of its own");
  return held;
}

}  // namespace

class SqliteStore::Database {
 public:
  Database(std::string path, std::unique_ptr<Lock> held, sqlite3* handle)
      : directory(std::move(path)), lock(std::move(held)), connection(handle), reserve(directory + "/reserve") {}
  std::string directory;
  std::unique_ptr<Lock> lock;
  Connection connection;
  Reserve reserve;
};

SqliteStore::SqliteStore(std::unique_ptr<Database> database) : database_(std::move(database)) {}
SqliteStore::~SqliteStore() = default;

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& directory, Options options) {
  auto held = TRY(lock(directory));
  const auto path = directory + "/store.db";
  struct stat found {};
  const bool is_truncated = held->says_made() && ::stat(path.c_str(), &found) == 0 && found.st_size < kHeaderBytes;
  sqlite3* handle = nullptr;
  const int opened =
      sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  auto database = std::make_unique<Database>(directory, std::move(held), handle);
  auto& connection = database->connection;
  const auto advice = ". Move " + path + "* away to start with an empty store: disks and mounts stay, and show as orphans";
  const auto refuse = [&](const std::string& what) { return in_directory(Code::FailedPrecondition, directory, what + advice); };
  if (is_truncated) return refuse("damaged (truncated)");
  if (opened != SQLITE_OK) return refuse("cannot be opened (" + connection.message() + ")");
  ::chmod(path.c_str(), 0600);
  const auto failed = [&](const Error& error) {
    if (error.code == Code::DataLoss) return refuse("damaged (" + error.message + ")");
    return in_directory(error.code, directory, error.message);
  };
  if (auto done = connection.run("PRAGMA journal_mode=WAL"); !done.ok()) return failed(done.error());
  if (auto done = connection.run(options.is_durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=OFF"); !done.ok())
    return failed(done.error());
  const auto version = connection.number("PRAGMA user_version");
  if (!version.ok()) return failed(version.error());
  if (*version > kSchemaVersion)
    return refuse("written by a newer Blockplug (schema " + std::to_string(*version) + ", this one knows " +
                  std::to_string(kSchemaVersion) + "). Start the newer program");
  const auto healthy = connection.text("PRAGMA quick_check(1)");
  if (!healthy.ok()) return failed(healthy.error());
  if (*healthy != "ok") return refuse("damaged (" + *healthy + ")");
  if (*version == 0)
    if (auto made = connection.run(std::string(kSchema) + "PRAGMA user_version=" + std::to_string(kSchemaVersion) + ";");
        !made.ok())
      return failed(made.error());
  const std::array<const char*, kSchemaVersion> steps{nullptr, kSchemaFrom1, kSchemaFrom2};
  for (auto from = *version; from > 0 && from < kSchemaVersion; ++from)
    if (auto changed = connection.run(steps[static_cast<std::size_t>(from)]); !changed.ok()) {
      (void)connection.run("ROLLBACK");
      return failed(changed.error());
    }
  if (!database->lock->says_made()) database->lock->say_made();
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(database)));
}

Result<Saved> SqliteStore::load() {
  auto loaded = load_rows(database_->connection);
  if (!loaded.ok())
    return in_directory(Code::FailedPrecondition, database_->directory, "cannot be read: " + loaded.error().message);
  return loaded;
}

Status SqliteStore::apply(const Changes& changes) {
  auto& connection = database_->connection;
  const auto once = [&]() -> Status {
    TRY(connection.run("BEGIN IMMEDIATE"));
    for (const auto& change : changes)
      if (auto written = write_row(connection, change); !written.ok()) {
        (void)connection.run("ROLLBACK");
        return written;
      }
    if (auto committed = connection.run("COMMIT"); !committed.ok()) {
      (void)connection.run("ROLLBACK");
      return committed;
    }
    return Ok{};
  };
  auto done = once();
  if (!done.ok() && done.error().code == Code::ResourceExhausted) {
    (void)database_->reserve.give_up();
    (void)connection.run("PRAGMA wal_checkpoint(TRUNCATE)");  // the log would eat up the reserve in some thirty detaches
    done = once();
  } else if (done.ok() && !database_->reserve.is_there()) {
    (void)database_->reserve.make();
  }
  if (!done.ok()) return in_directory(done.error().code, database_->directory, done.error().message);
  return done;
}

bool SqliteStore::regain_reserve() { return database_->reserve.make(); }

bool SqliteStore::is_low_on_space() const { return !database_->reserve.is_there(); }

}  // namespace blockplug
