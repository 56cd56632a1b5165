// SPDX-License-Identifier: Apache-2.0
#include "tests/ceph/elsewhere.h"

#include <filesystem>
#include <fstream>

#include "ceph/connection.h"
#include "ceph/header.h"
#include "ceph/hold_record.h"

namespace blockplug::rbd::testing {
namespace {
void allow(const std::string& osd) {
  EXPECT_EQ(ceph({"auth", "caps", "client.blockplug", "mon", "profile rbd", "osd", osd}).exit_code, 0);
}
}  // namespace

Elsewhere::Elsewhere(const std::string& unique, std::int64_t size_bytes)
    : image_{.pool = "vault", .name_space = "", .name = "volume-" + unique} {
  EXPECT_EQ(ceph({"osd", "pool", "create", image_.pool, "8"}).exit_code, 0);
  allow("profile rbd pool=volumes, profile rbd pool=" + image_.pool);
  const auto made = rbd_program({"create", "--size", std::to_string(size_bytes / kMiB) + "M", spec()});
  EXPECT_EQ(made.exit_code, 0) << made.output;
}

Elsewhere::~Elsewhere() {
  const auto removed = rbd_program({"rm", "--no-progress", spec()});
  EXPECT_EQ(removed.exit_code, 0) << removed.output;
  allow("profile rbd pool=volumes");
}

Facts Elsewhere::facts() const {
  return {{roles::kImagePool, image_.pool}, {roles::kImageNamespace, image_.name_space}, {roles::kImageName, image_.name}};
}

std::string Elsewhere::id(Cluster& cluster) const {
  auto pool = open_pool(cluster, image_);
  EXPECT_TRUE(pool.ok());
  return find_image(*pool, image_.name).value();
}

std::string Elsewhere::held_by(Cluster& cluster) const {
  auto pool = open_pool(cluster, image_);
  EXPECT_TRUE(pool.ok());
  const auto header = read_header_of(*pool, image_.name);
  EXPECT_TRUE(header.ok());
  return describe(*hold_record_from(header->hold));
}

std::string Elsewhere::read(std::int64_t at, std::size_t size) const {
  const auto file = std::filesystem::path{::testing::TempDir()} / ("export-of-" + image_.name);
  EXPECT_EQ(rbd_program({"export", "--no-progress", spec(), file}).exit_code, 0);
  std::ifstream exported{file, std::ios::binary};
  std::string text(size, '\0');
  exported.seekg(at);
  exported.read(text.data(), static_cast<std::streamsize>(size));
  std::filesystem::remove(file);
  return text;
}

}  // namespace blockplug::rbd::testing
