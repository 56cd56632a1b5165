// SPDX-License-Identifier: Apache-2.0
#include "ceph/ancestors.h"

#include <cerrno>
#include <optional>

#include "ceph/connection.h"
#include "ceph/wire.h"

namespace blockplug::rbd {
namespace {
constexpr std::uint64_t kNoSnapshot = ~std::uint64_t{1};  // CEPH_NOSNAP

struct Parent {
  std::int64_t pool{};
  std::string name_space, id;
  std::uint64_t snapshot{};
};

// By methods of the object class `rbd` (Ceph 14 and later; src/cls/rbd/cls_rbd.cc), as the kernel asks: an image may name a parent
// that only its snapshots read, and then does not overlap with it.
Result<bool> overlaps(librados::IoCtx& io, Connection& connection, const std::string& id, std::uint64_t snapshot) {
  librados::bufferlist asked, answered;
  asked.append(Encoder{}.number(snapshot).bytes());
  const int answer = io.exec("rbd_header." + id, "rbd", "parent_overlap_get", asked, answered);
  if (answer == -ENOENT) return false;  // it is gone, or its snapshot
  if (answer < 0) return connection.error(answer, "read the overlap of image " + id + " with its parent", Effect::None);
  Decoder decoder{answered.to_str()};
  return decoder.number<std::uint8_t>() != 0 && decoder.number<std::uint64_t>() > 0;
}

Result<std::optional<Parent>> parent_of(librados::IoCtx& io, Connection& connection, const std::string& id,
                                        std::uint64_t snapshot) {
  if (!TRY(overlaps(io, connection, id, snapshot))) return std::optional<Parent>{};
  librados::bufferlist nothing, answered;
  const int answer = io.exec("rbd_header." + id, "rbd", "parent_get", nothing, answered);
  if (answer == -ENOENT) return std::optional<Parent>{};
  if (answer < 0) return connection.error(answer, "read the parent of image " + id, Effect::None);
  Decoder decoder{answered.to_str()};
  decoder.number<std::uint8_t>();   // version
  decoder.number<std::uint8_t>();   // compatible with
  decoder.number<std::uint32_t>();  // length
  Parent parent{decoder.number<std::int64_t>(), decoder.text(), decoder.text(), decoder.number<std::uint64_t>()};
  if (!decoder.is_whole()) return no_effect(Code::DataLoss, "the parent of image " + id + " cannot be parsed");
  return parent.pool < 0 ? std::nullopt : std::optional{std::move(parent)};
}
}  // namespace

Result<int> count_ancestors(Pool& pool, const std::string& id, int most) {
  auto io = pool.io;
  auto child = id;
  auto snapshot = kNoSnapshot;
  for (int count = 0; count <= most; ++count) {
    const auto parent = TRY(parent_of(io, *pool.connection, child, snapshot));
    if (!parent) return count;
    if (const int opened = pool.connection->rados().ioctx_create2(parent->pool, io); opened < 0)
      return pool.connection->error(opened, "open the pool of the parent of image " + child, Effect::None);
    io.set_namespace(parent->name_space);
    child = parent->id;
    snapshot = parent->snapshot;
  }
  return most + 1;
}

}  // namespace blockplug::rbd
