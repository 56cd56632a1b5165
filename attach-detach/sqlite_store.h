// SPDX-License-Identifier: Apache-2.0
#pragma once
// The store's file: SQLite, WAL, synchronous=FULL. Used by one thread at a time; knows no threads itself.
//
//   meta(name, value)                               last_order
//   volume(volume, image)
//   attachment(volume, target, attached, up_to, spec…, origin, ever_complete, first_desired)
//   leaf(volume, target, kind, leaf, access, flags, ever_complete)
//   rung(volume, target, kind, leaf, mark, since)   no row: down
//   fact(volume, target, kind, leaf, name, value)
//   limits(volume, target, name, value)
//   orders(id, volume, kind) with argument(id, kept, name, value)
#include <memory>
#include <string>

#include "attach-detach/store.h"

namespace blockplug {

class SqliteStore {
 public:
  struct Options {
    bool is_durable{true};  // false only in simulations: no fsync
  };
  // Creates what is missing. Refuses, saying what to do: a file that is damaged, is newer than this program, or that another
  // daemon has open (FailedPrecondition); a directory that cannot be written (PermissionDenied, ResourceExhausted).
  static Result<std::unique_ptr<SqliteStore>> open(const std::string& directory, Options options);
  static Result<std::unique_ptr<SqliteStore>> open(const std::string& directory) { return open(directory, Options{}); }
  ~SqliteStore();

  Result<Saved> load();
  // All or nothing. A full disk is ResourceExhausted; a reserve kept beside the file is given up first, so that what makes room
  // (detaches) can still be written: see is_low_on_space.
  Status apply(const Changes& changes);
  bool is_low_on_space() const;  // the reserve was given up and could not be made again
  bool regain_reserve();         // is there room for it now?

 private:
  class Database;
  explicit SqliteStore(std::unique_ptr<Database> database);
  std::unique_ptr<Database> database_;
};

}  // namespace blockplug
