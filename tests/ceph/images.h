// SPDX-License-Identifier: Apache-2.0
#pragma once
// A backend on the shared Ceph, and Ceph clients in separate processes.
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "ceph/backend.h"
#include "ceph/image_format.h"
#include "hotplug/rungs.h"
#include "tests/ceph/ceph_world.h"

namespace blockplug::rbd::testing {

// A process that has the image open through librbd with a separate connection, and writes on request.
class Writer {
 public:
  Writer(const std::string& image, const std::string& name_space, const std::string& pool = "volumes");
  ~Writer();  // killed
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  pid_t pid() const { return pid_; }
  const std::string& address() const { return address_; }  // its client's, with nonce
  std::string write(const std::string& text);              // at the image's start; returns "0" or the errno
  void kill();                                             // -9
  void end();                                              // closes the image first

 private:
  std::string answer();
  pid_t pid_{};
  int to_{-1}, from_{-1};
  std::string address_;
};

// A journal that runs a function, once, when a given fact is kept.
struct Meddler final : Journal {
  Meddler(std::string fact, std::function<void()> act) : at(std::move(fact)), happens(std::move(act)) {}
  Status keep(const Facts& facts) override {
    for (const auto& [name, value] : facts) kept[name] = value;
    if (facts.contains(at)) std::exchange(happens, [] {})();
    return Ok{};
  }
  const std::string at;
  std::function<void()> happens;
  Facts kept;
};

class ImagesTest : public CephTest {
 protected:
  Place place(const std::string& backend = "ceph") const {
    return {.backend = backend, .pool = "volumes", .name_space = name_space_};
  }
  Attempt perform(OrderKind kind, const std::string& name, Facts arguments) {
    return perform(backend_, kind, name, std::move(arguments));
  }
  Attempt perform(RbdBackend& backend, OrderKind kind, const std::string& name, Facts arguments);
  Pool& pool();
  std::string images();                                                                  // their names, one per line
  std::string in_trash();                                                                // "<id> <name>", one per line
  std::string held_by(const std::string& name);                                          // its whole hold record, as text
  std::string make_volume(const std::string& name, std::int64_t size_bytes = 4 * kMiB);  // its image
  void write(const std::string& image, std::int64_t at, const std::string& text);
  std::string read(const std::string& image, std::int64_t at, std::size_t size);

  Facts before_;
  KeepingJournal journal_;
  std::shared_ptr<Pool> pool_;
  RbdBackend backend_{cluster_, place(), "node-1"};
  ImageFormat formats_{cluster_, place()};
};

// A call for a rung of an attachment.
struct Asking {
  explicit Asking(const std::string& name, const std::string& target = "vm:web-0", Access access = Access::ReadWrite)
      : key{VolumeId{"ceph/" + name}, TargetId{target}} {
    spec.access = access;
  }
  Call call(RungKind kind = rungs::kHold) {
    return Call{.key = key,
                .rung = {kind, {}},
                .spec = spec,
                .below = below,
                .before = before,
                .deadline = Time::max(),
                .stop = {},
                .operation = "test",
                .journal = journal};
  }
  AttachmentKey key;
  Spec spec;
  Facts below, before;
  KeepingJournal journal;
};

}  // namespace blockplug::rbd::testing
