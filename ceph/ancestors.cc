// SPDX-License-Identifier: Apache-2.0
#include "ceph/ancestors.h"

#include <cerrno>
#include <optional>

#include "ceph/connection.h"
#include "ceph/wire.h"

namespace blockplug::rbd {
namespace {
struct Parent {
  std::int64_t pool{};
  std::string name_space, id;
};

// ParentImageSpec of Ceph's cls/rbd/cls_rbd_types.h, as `parent_get` of the object class answers (Ceph 14 and later).
Result<std::optional<Parent>> parent_of(librados::IoCtx& io, Connection& connection, const std::string& id) {
  librados::bufferlist nothing, answered;
  const int answer = io.exec("rbd_header." + id, "rbd", "parent_get", nothing, answered);
  if (answer == -ENOENT) return std::optional<Parent>{};  // it, or its parent, is gone
  if (answer < 0) return connection.error(answer, "read the parent of image " + id, Effect::None);
  Decoder decoder{answered.to_str()};
  decoder.number<std::uint8_t>();   // version
  decoder.number<std::uint8_t>();   // compatible with
  decoder.number<std::uint32_t>();  // length
  Parent parent{decoder.number<std::int64_t>(), decoder.text(), decoder.text()};
  if (!decoder.is_whole()) return no_effect(Code::DataLoss, "the parent of image " + id + " cannot be parsed");
  return parent.pool < 0 ? std::nullopt : std::optional{std::move(parent)};
}
}  // namespace

Result<int> count_ancestors(Pool& pool, const std::string& id, int most) {
  auto io = pool.io;
  auto child = id;
  for (int count = 0; count <= most; ++count) {
    const auto parent = TRY(parent_of(io, *pool.connection, child));
    if (!parent) return count;
    if (const int opened = pool.connection->rados().ioctx_create2(parent->pool, io); opened < 0)
      return pool.connection->error(opened, "open the pool of the parent of image " + child, Effect::None);
    io.set_namespace(parent->name_space);
    child = parent->id;
  }
  return most + 1;
}

}  // namespace blockplug::rbd
