// SPDX-License-Identifier: Apache-2.0
#pragma once
// The production SqliteStore without its thread: a commit is durable at once, and told when the runner runs.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "attach-detach/sqlite_store.h"
#include "tests/attach-detach/inline_runner.h"

namespace blockplug::test {

class TempDirectory {
 public:
  TempDirectory() {
    std::string pattern = testing::TempDir() + "blockplug-store.XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class FileStore : public Store {
 public:
  FileStore(std::unique_ptr<SqliteStore> file, Runner& runner) : file_(std::move(file)), runner_(runner) {}
  Result<Saved> load() override { return file_->load(); }
  void commit(Changes changes, Urgency, std::function<void(Status)> told) override {
    ++commits;
    const auto status = write(changes);
    runner_.post([told = std::move(told), status] { told(status); });
  }
  Status keep(Change change) override { return write({std::move(change)}); }
  bool is_low_on_space() const override { return is_low; }

  int failures{};  // that many of the next commits fail
  bool is_low{};
  int commits{};

 private:
  Status write(const Changes& changes) {
    if (failures == 0) return file_->apply(changes);
    --failures;
    return no_effect(Code::ResourceExhausted, "disk full");
  }
  std::unique_ptr<SqliteStore> file_;
  Runner& runner_;
};

}  // namespace blockplug::test
