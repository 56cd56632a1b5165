// SPDX-License-Identifier: Apache-2.0
#include "ceph/directory.h"

#include <cerrno>

#include "ceph/connection.h"
#include "ceph/wire.h"

namespace blockplug::rbd {
namespace {
constexpr const char* kDirectory = "rbd_directory";

librados::bufferlist bytes(const Encoder& encoder) {
  librados::bufferlist list;
  list.append(encoder.bytes());
  return list;
}
}  // namespace

Result<std::string> listed_id(Pool& pool, const std::string& name) {
  auto asked = bytes(Encoder{}.text(name));
  librados::bufferlist answer;
  const int result = pool.io.exec(kDirectory, "rbd", "dir_get_id", asked, answer);
  if (result == -ENOENT) return std::string{};
  if (result < 0) return pool.connection->error(result, "look for image '" + name + "' in the pool's directory", Effect::None);
  return Decoder{answer.to_str()}.text();
}

Status end_renaming(Pool& pool, const std::string& from, const std::string& to, const std::string& id) {
  if (TRY(listed_id(pool, from)) == id) {
    librados::ObjectWriteOperation operation;
    auto asked = bytes(Encoder{}.text(from).text(to).text(id));
    operation.exec("rbd", "dir_rename_image", asked);
    if (const int result = pool.io.operate(kDirectory, &operation); result < 0)
      return pool.connection->error(result, "enter image '" + to + "' in the pool's directory", Effect::Unknown);
  }
  if (const int result = pool.io.remove("rbd_id." + from); result < 0 && result != -ENOENT)
    return pool.connection->error(result, "remove the name '" + from + "' of an image", Effect::Unknown);
  return Ok{};
}

}  // namespace blockplug::rbd
