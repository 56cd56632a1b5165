// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the calls of the fake Cinder share; private to fake_cinder.cc, fake_volumes.cc and fake_attachments.cc.
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include "tests/cinder/fake_cloud.h"

namespace blockplug::test::fake_cinder {
using nlohmann::json;

struct Call {
  CloudState& state;
  const CloudRequest& request;
  std::string id{}, key{};  // in the path
  int minor{};              // of the microversion asked for
  json body{};
};
struct Operation {
  int least_minor;
  CloudAnswer (*perform)(Call& call);
};
using Operations = std::map<std::string, Operation>;
Operations volume_operations();  // and those of snapshots
Operations attachment_operations();

CloudAnswer answer_with(int status, const std::string& key, const json& value);
// Ends the call: it throws the answer, as Cinder words it.
[[noreturn]] void refuse(int status, const std::string& message);

template <typename Things>
auto& find(Things& things, const std::string& id, const std::string& missing) {
  const auto found = things.find(id);
  if (found == things.end()) refuse(404, missing);
  return found->second;
}
CloudVolume& volume_of(CloudState& state, const std::string& id);
bool is_ours(const CloudState& state, const CloudVolume& volume);

std::string text_in(const json& object, const std::string& key);  // empty: not there, or null
json or_null(const std::string& text);
std::string now();

// By when they were created and their ids, newest first.
using Views = std::map<std::pair<std::string, std::string>, json, std::greater<>>;
// A page of `name`: those that match the query. A full page of volumes or snapshots has a link to the next one, even if that is
// empty then; a page of attachments has none.
CloudAnswer page_of(const Call& call, const std::string& name, Views views, const std::set<std::string>& filters);

}  // namespace blockplug::test::fake_cinder
