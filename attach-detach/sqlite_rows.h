// SPDX-License-Identifier: Apache-2.0
#pragma once
// How records become rows and back. Only sqlite_store.cc includes this.
#include <map>
#include <string>

#include "attach-detach/store.h"

struct sqlite3;
struct sqlite3_stmt;

namespace blockplug {

extern const char* const kSchema;
// From one version to the next; each in a transaction of its own.
extern const char* const kSchemaFrom1;
extern const char* const kSchemaFrom2;

// A connection with its prepared statements. Errors: DataLoss (damaged), ResourceExhausted (disk full), Unavailable (I/O error).
class Connection {
 public:
  explicit Connection(sqlite3* handle) : handle_(handle) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();
  std::string message() const;
  Error error() const;
  Status run(const std::string& sql);
  Result<std::int64_t> number(const std::string& sql);
  Result<std::string> text(const std::string& sql);
  Result<sqlite3_stmt*> statement(const char* sql);  // prepared once, reset

 private:
  sqlite3* handle_;
  std::map<const char*, sqlite3_stmt*> statements_;  // by the address of the literal
};

Status write_row(Connection& connection, const Change& change);
Result<Saved> load_rows(Connection& connection);

}  // namespace blockplug
