// SPDX-License-Identifier: Apache-2.0
#pragma once
// QEMU's graph of block nodes: which node is below which, and who uses them. QEMU has one command for it,
// x-debug-query-block-graph (since 4.0), which reads no image. Read only where something else is in our place.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hotplug/vm/inventory_reader.h"

namespace blockplug {

class BlockGraph {
 public:
  struct Path {
    std::string what;  // what is between, for people: "the block job 'job0' (backup)", "block node 'o1', a snapshot's overlay"
    bool has_job{};
  };
  // From one node down to another; nullopt: that is not below it.
  std::optional<Path> path(const std::string& from, const std::string& to) const;
  // Who uses this node, for people: "the block job 'job0' (backup)", "block node 'o1'", "device bp.local.data"; empty: nobody.
  std::string users_of(const std::string& node) const;

 private:
  friend Result<std::optional<BlockGraph>> read_block_graph(const AskQemu& ask);
  enum class Kind : std::uint8_t { Node, Job, User };
  struct Vertex {
    Kind kind{};
    std::string name;
  };
  struct Edge {
    std::uint64_t parent{}, child{};
    std::string role;  // "file", "backing", "root", "main node", …
  };
  std::optional<std::uint64_t> find(const std::string& node) const;
  std::string to_text(const Vertex& vertex) const;

  std::map<std::uint64_t, Vertex> vertices_;
  std::vector<Edge> edges_;
  std::map<std::string, std::string, std::less<>> job_types_;  // by id: "backup"
};

// nullopt: this QEMU cannot say.
Result<std::optional<BlockGraph>> read_block_graph(const AskQemu& ask);

}  // namespace blockplug
