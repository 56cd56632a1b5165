// SPDX-License-Identifier: Apache-2.0
#include "ceph/writable.h"

#include <rbd/librbd.hpp>

#include "ceph/connection.h"
#include "ceph/header.h"
#include "ceph/snapshots.h"

namespace blockplug::rbd {

std::string why_full(Pool& pool, const Header& header) {
  auto why = pool.connection->why_full(pool.name);
  if (!why.empty() || header.data_pool < 0) return why;
  std::string data_pool;
  const int found = pool.connection->rados().pool_reverse_lookup(header.data_pool, &data_pool);
  return found < 0 ? why : pool.connection->why_full(data_pool);
}

Status check_space(Pool& pool, const std::string& data_pool) {
  auto why = pool.connection->why_full(pool.name);
  if (why.empty() && !data_pool.empty()) why = pool.connection->why_full(data_pool);
  if (why.empty()) return Ok{};
  return no_effect(Code::ResourceExhausted, std::move(why));
}

bool is_mirrored_copy(librbd::Image& image) {
  librbd::mirror_image_info_t info{};
  return image.mirror_image_get_info(&info, sizeof info) == 0 && info.state == RBD_MIRROR_IMAGE_ENABLED && !info.primary;
}

bool is_mirrored_copy(const Header& header) { return (header.features & RBD_FEATURE_NON_PRIMARY) != 0; }

Result<bool> is_mirrored_copy(Pool& pool, const Header& header) {
  if (is_mirrored_copy(header)) return true;
  if ((header.features & RBD_FEATURE_JOURNALING) == 0) return false;
  OpenImage opened;
  TRY(open_to_read(pool, header.id, opened));
  return is_mirrored_copy(*opened.image);
}

}  // namespace blockplug::rbd
