// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/block_graph.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "attach-detach/joined.h"

namespace blockplug {
namespace {
using Json = nlohmann::json;

}  // namespace

std::optional<std::uint64_t> BlockGraph::find(const std::string& node) const {
  for (const auto& [id, vertex] : vertices_)
    if (vertex.kind == Kind::Node && vertex.name == node) return id;
  return std::nullopt;
}

std::string BlockGraph::to_text(const Vertex& vertex) const {
  switch (vertex.kind) {
    case Kind::Job: {
      const auto type = job_types_.find(vertex.name);
      return "the block job '" + vertex.name + "'" + (type == job_types_.end() ? "" : " (" + type->second + ")");
    }
    case Kind::Node: return "block node '" + vertex.name + "'";
    case Kind::User: return vertex.name.empty() ? "a device or an export" : "device " + vertex.name;
  }
  return {};
}

std::optional<BlockGraph::Path> BlockGraph::path(const std::string& from, const std::string& to) const {
  const auto top = find(from), bottom = find(to);
  if (!top || !bottom) return std::nullopt;
  std::map<std::uint64_t, const Edge*> reached_by{{*top, nullptr}};
  std::vector<std::uint64_t> next{*top};
  while (!next.empty() && !reached_by.contains(*bottom)) {
    const auto parent = next.back();
    next.pop_back();
    for (const auto& edge : edges_)
      if (edge.parent == parent && reached_by.emplace(edge.child, &edge).second) next.push_back(edge.child);
  }
  if (!reached_by.contains(*bottom)) return std::nullopt;
  std::vector<std::string> nodes;
  std::set<std::uint64_t> on_the_way{*bottom};
  for (const auto* edge = reached_by.at(*bottom); edge != nullptr; edge = reached_by.at(edge->parent)) {
    on_the_way.insert(edge->parent);
    nodes.insert(nodes.begin(), to_text(vertices_.at(edge->parent)) + (edge->role == "backing" ? ", a snapshot's overlay" : ""));
  }
  std::vector<std::string> jobs;
  for (const auto& [id, vertex] : vertices_)
    if (vertex.kind == Kind::Job && std::any_of(edges_.begin(), edges_.end(), [&, job = id](const Edge& edge) {
          return edge.parent == job && on_the_way.contains(edge.child);
        }))
      jobs.push_back(to_text(vertex));
  return Path{joined(jobs.empty() ? nodes : jobs), !jobs.empty()};
}

std::string BlockGraph::users_of(const std::string& node) const {
  const auto used = find(node);
  std::vector<std::string> jobs, others;
  for (const auto& edge : edges_) {
    if (!used || edge.child != *used) continue;
    const auto& user = vertices_.at(edge.parent);
    (user.kind == Kind::Job ? jobs : others).push_back(to_text(user));
  }
  return joined(jobs.empty() ? others : jobs);
}

Result<std::optional<BlockGraph>> read_block_graph(const AskQemu& ask) try {
  auto reply = ask("x-debug-query-block-graph", Json::object());
  if (!reply && reply.error().code == Code::FailedPrecondition) return std::optional<BlockGraph>{};
  const Json shown = TRY(std::move(reply));
  const Json jobs = TRY(ask("query-jobs", Json::object()));
  BlockGraph graph;
  for (const auto& vertex : shown.at("nodes")) {
    const auto type = vertex.at("type").get<std::string>();
    const auto kind = type == "block-driver" ? BlockGraph::Kind::Node
                      : type == "block-job"  ? BlockGraph::Kind::Job
                                             : BlockGraph::Kind::User;
    graph.vertices_[vertex.at("id").get<std::uint64_t>()] = {kind, vertex.at("name").get<std::string>()};
  }
  for (const auto& edge : shown.at("edges")) {
    BlockGraph::Edge found{edge.at("parent").get<std::uint64_t>(), edge.at("child").get<std::uint64_t>(),
                           edge.at("name").get<std::string>()};
    if (graph.vertices_.contains(found.parent) && graph.vertices_.contains(found.child)) graph.edges_.push_back(std::move(found));
  }
  for (const auto& job : jobs) graph.job_types_[job.at("id").get<std::string>()] = job.at("type").get<std::string>();
  return std::optional(std::move(graph));
} catch (const Json::exception& error) {
  return no_effect(Code::Internal, std::string("QEMU's graph of block nodes does not match its schema: ") + error.what());
}

}  // namespace blockplug
