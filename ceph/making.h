// SPDX-License-Identifier: Apache-2.0
#pragma once
// Private to this folder's .cc files: making an image so that nothing half-made ever has a volume's name, and nobody else's image
// is ever taken for ours:
//
//   private name kept in the journal → made under it → marked → its id kept ("made") → renamed to the volume's, if that is free
//
// Of an attempt that was stopped on the way the next one removes what it left, or ends the renaming.
#include <functional>
#include <optional>
#include <string>

#include "attach-detach/order.h"
#include "ceph/header.h"

namespace blockplug::rbd {

// Names of images that are being made begin so: "blockplug.making.<volume>.<16 hexadecimal digits>".
inline constexpr const char* kPrivate = "blockplug.making.";

class Making {
 public:
  Making(Pool& pool, const Place& place, const OrderCall& call);

  // Clears what an earlier attempt left. The private name that it had used; empty: there was none.
  Result<std::string> clear();
  // The image that has the volume's name; none: it is free. AlreadyExists: somebody else made it. DataLoss: as whole_header.
  Result<std::optional<Header>> made() const;
  // `make` makes an image of the name that it is given. Aborted: the volume's name was taken meanwhile. An error with effect None
  // has left nothing.
  Result<Header> perform(const std::function<Status(const std::string& name)>& make, const std::string& source);

 private:
  Result<Header> finish(const std::string& hidden, const std::string& source);
  Status clear(const std::string& hidden);

  Pool& pool_;
  const Place& place_;
  const OrderCall& call_;
  const std::string name_;
};

// DataLoss: of the image only the name is left, as a delete that was stopped half-way leaves it.
Result<Header> whole_header(Pool& pool, const Place& place, const std::string& name);

}  // namespace blockplug::rbd
