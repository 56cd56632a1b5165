// SPDX-License-Identifier: Apache-2.0
#include "tests/ceph/images.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rbd/librbd.hpp>
#include <utility>

#include "ceph/connection.h"
#include "ceph/header.h"
#include "ceph/hold_record.h"
#include "tests/support/paths.h"

namespace blockplug::rbd::testing {
namespace {
// An image opened like by another program, with a separate connection.
struct Opened {
  Opened(const std::string& name, const std::string& name_space) {
    EXPECT_EQ(rados.init2("client.blockplug", "ceph", 0), 0);
    EXPECT_EQ(rados.conf_read_file((ceph_directory() / "blockplug.conf").c_str()), 0);
    EXPECT_EQ(rados.connect(), 0);
    EXPECT_EQ(rados.ioctx_create("volumes", io), 0);
    io.set_namespace(name_space);
    EXPECT_EQ(librbd::RBD{}.open(io, image, name.c_str()), 0);
  }
  librados::Rados rados;
  librados::IoCtx io;
  librbd::Image image;
};
}  // namespace

Writer::Writer(const std::string& image, const std::string& name_space, const std::string& pool) {
  int to[2], from[2];
  EXPECT_EQ(::pipe2(to, O_CLOEXEC), 0);
  EXPECT_EQ(::pipe2(from, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, to[0], 0);
  ::posix_spawn_file_actions_adddup2(&actions, from[1], 1);
  const std::string program = blockplug::testing::program("rbd-writer"), conf = ceph_directory() / "blockplug.conf";
  const char* arguments[] = {program.c_str(), conf.c_str(), pool.c_str(), name_space.c_str(), image.c_str(), nullptr};
  EXPECT_EQ(::posix_spawn(&pid_, program.c_str(), &actions, nullptr, const_cast<char**>(arguments), environ), 0);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(to[0]);
  ::close(from[1]);
  to_ = to[1];
  from_ = from[0];
  address_ = answer();
  EXPECT_TRUE(address_.starts_with("127.0.0.1:0/")) << address_;
}

Writer::~Writer() {
  kill();
  if (to_ >= 0) ::close(to_);
  ::close(from_);
}

void Writer::kill() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  EXPECT_EQ(::waitpid(pid_, nullptr, 0), pid_);
  pid_ = 0;
}

void Writer::end() {
  ::close(std::exchange(to_, -1));  // ends its input
  EXPECT_EQ(::waitpid(pid_, nullptr, 0), pid_);
  pid_ = 0;
}

std::string Writer::answer() {
  std::string line;
  for (char c = 0; ::read(from_, &c, 1) == 1 && c != '\n';) line += c;
  return line;
}

std::string Writer::write(const std::string& text) {
  const auto line = text + "\n";
  EXPECT_EQ(::write(to_, line.data(), line.size()), static_cast<ssize_t>(line.size()));
  return answer();
}

Attempt ImagesTest::perform(RbdBackend& backend, OrderKind kind, const std::string& name, Facts arguments) {
  const Order order{.id = 1, .volume = VolumeId{"ceph/" + name}, .kind = kind, .arguments = std::move(arguments)};
  KeepingJournal journal;
  return backend.perform(
      {.order = order, .before = before_, .deadline = Time::max(), .stop = {}, .operation = "test", .journal = journal});
}

Pool& ImagesTest::pool() {
  if (!pool_) pool_ = std::make_shared<Pool>(open_pool(cluster_, place()).value());
  return *pool_;
}

std::string ImagesTest::images() { return rbd_program({"ls", "volumes/" + name_space_}).output; }
std::string ImagesTest::in_trash() { return rbd_program({"trash", "ls", "volumes/" + name_space_}).output; }

std::string ImagesTest::held_by(const std::string& name) {
  auto pool = open_pool(cluster_, place());
  EXPECT_TRUE(pool.ok());
  const auto header = read_header_of(*pool, name);
  EXPECT_TRUE(header.ok()) << name;
  return describe(*hold_record_from(header->hold));
}

std::string ImagesTest::make_volume(const std::string& name, std::int64_t size_bytes) {
  return done(perform(OrderKind::Create, name, {{"size_bytes", std::to_string(size_bytes)}}))["image"];
}

void ImagesTest::write(const std::string& image, std::int64_t at, const std::string& text) {
  Opened opened{image, name_space_};
  librados::bufferlist list;
  list.append(text);
  EXPECT_EQ(opened.image.write(static_cast<std::uint64_t>(at), text.size(), list), static_cast<ssize_t>(text.size()));
}

std::string ImagesTest::read(const std::string& image, std::int64_t at, std::size_t size) {
  Opened opened{image, name_space_};
  librados::bufferlist list;
  EXPECT_EQ(opened.image.read(static_cast<std::uint64_t>(at), size, list), static_cast<ssize_t>(size));
  return list.to_str();
}

}  // namespace blockplug::rbd::testing
