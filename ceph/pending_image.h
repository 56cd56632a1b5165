// SPDX-License-Identifier: Apache-2.0
#pragma once
// Private to this folder's .cc files: creates an image so that an incomplete one never has a volume's name, and an image of another
// client is never taken for ours:
//
//   private name into the journal → created under it → marked → its id into the journal ("made") → renamed to the volume's, if free
//
// After an interrupted attempt, the next one removes the remains, or finishes the rename.
#include <functional>
#include <optional>
#include <string>

#include "attach-detach/order.h"
#include "ceph/header.h"

namespace blockplug::rbd {

// Prefix of images that are being created: "blockplug.making.<volume>.<16 hexadecimal digits>".
inline constexpr const char* kPrivate = "blockplug.making.";

class PendingImage {
 public:
  PendingImage(Pool& pool, const Place& place, const OrderCall& call);

  // Removes what an earlier attempt left. Returns the private name that it had used; empty: there was no attempt.
  Result<std::string> clear();
  // The image with the volume's name; nullopt: the name is free. AlreadyExists: Blockplug did not create it. DataLoss: see
  // whole_header.
  Result<std::optional<Header>> made() const;
  // `make` creates an image with the given name. Aborted: the volume's name was taken in the meantime. After an error with effect
  // None nothing is left.
  Result<Header> perform(const std::function<Status(const std::string& name)>& make, const std::string& source);

 private:
  Result<Header> finish(const std::string& hidden, const std::string& source);
  Status clear(const std::string& hidden);

  Pool& pool_;
  const Place& place_;
  const OrderCall& call_;
  const std::string name_;
};

// DataLoss: only the image's name is left, after an interrupted delete.
Result<Header> whole_header(Pool& pool, const Place& place, const std::string& name);

}  // namespace blockplug::rbd
