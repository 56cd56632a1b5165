// SPDX-License-Identifier: Apache-2.0
#pragma once
// A kind of backend: which keys it has in the configuration, and how one is put together. A new kind of volume is one of these and
// one line in backend_kinds().
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attach-detach/outcome.h"
#include "volume-plugin/daemon/backend_config.h"

namespace blockplug {

struct BackendParts;
struct SharedParts;

struct BackendKey {
  std::string name;
  std::function<Result<std::string>(const std::string&)> read;         // the value in its one form, or what is wrong with it
  std::vector<std::string> otherwise{};                                // where it is not given
  std::string if_missing{};                                            // what to add then, for people; empty: it may be missing
  bool is_list{};                                                      // several values, or one
  std::function<Status(const std::vector<std::string>&)> check_all{};  // what only several values together can get wrong
};

struct BackendKind {
  std::string type;  // "rbd"
  std::vector<BackendKey> keys;
  std::string directory_key{};  // names the directory of this machine that its volumes are in; empty: they are elsewhere
  std::function<Result<BackendParts>(const std::string& name, const BackendConfig& config, SharedParts& shared)> make;
  // What only all backends together can get wrong: the key that is, and what it must be.
  using Fault = std::pair<std::string, std::string>;
  std::function<std::optional<Fault>(const BackendConfig& config, const std::map<std::string, BackendConfig>& all)> check_among{};
};
using BackendKinds = std::vector<BackendKind>;

// All that this program has.
const BackendKinds& backend_kinds();

const BackendKind* find_kind(const BackendKinds& kinds, const std::string& type);  // nullptr: there is none

}  // namespace blockplug
