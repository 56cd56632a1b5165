// SPDX-License-Identifier: Apache-2.0
#pragma once
// An image that has neither the pool, nor the namespace, nor the name that a volume has by its backend's configuration: as Cinder
// names it at an attach. To be made before the test's cluster is first asked, since our key is allowed this pool only from then on.
#include <string>

#include "ceph/image_ref.h"
#include "tests/ceph/ceph_world.h"

namespace blockplug::rbd::testing {

class Elsewhere {
 public:
  explicit Elsewhere(const std::string& unique, std::int64_t size_bytes = 4 * kMiB);
  ~Elsewhere();
  Elsewhere(const Elsewhere&) = delete;
  Elsewhere& operator=(const Elsewhere&) = delete;

  // What a rung below Hold says of it.
  Facts facts() const;
  const ImageRef& image() const { return image_; }
  std::string spec() const { return image_.pool + "/" + image_.name; }
  std::string id(Cluster& cluster) const;       // Ceph's
  std::string held_by(Cluster& cluster) const;  // all that its hold says, for people
  std::string read(std::int64_t at, std::size_t size) const;

 private:
  const ImageRef image_;
};

}  // namespace blockplug::rbd::testing
