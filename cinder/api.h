// SPDX-License-Identifier: Apache-2.0
#pragma once
// The calls to Cinder that Blockplug makes, typed. Each is one HTTP request (lists: one for each page); what they refuse is told by
// refusal.h. JSON stays in api.cc and answers.cc.
//
// One per Session; thread-safe; blocks.
#include <string>
#include <vector>

#include "attach-detach/rung.h"
#include "cinder/session.h"

namespace blockplug::cinder {

struct NewVolume {
  std::string name;
  std::int64_t size_gib{};
  std::string type, zone;        // empty: Cinder's defaults
  std::string snapshot, source;  // ids; at most one of them
  std::map<std::string, std::string, std::less<>> metadata{};
};

// Whose host asks for the connection. RBD uses none of it, but Cinder needs a host.
struct Connector {
  std::string host;
  bool is_read_only{};
};

struct VolumeFilter {
  std::string name;                          // empty: any
  std::string metadata_key, metadata_value;  // empty: any
};

class Api {
 public:
  explicit Api(Session& session) : session_(session) {}
  Session& session() { return session_; }

  Result<Volume> volume(const std::string& id, const Patience& patience);
  Result<std::vector<Volume>> volumes(const VolumeFilter& filter, const Patience& patience);
  Result<Volume> create(const NewVolume& wanted, const Patience& patience);
  Status extend(const std::string& id, std::int64_t size_gib, const Patience& patience);
  Status remove(const std::string& id, const Patience& patience);
  // Adds to what is there.
  Status set_metadata(const std::string& id, const std::string& key, const std::string& value, const Patience& patience);
  Status remove_metadata(const std::string& id, const std::string& key, const Patience& patience);

  Result<std::vector<Snapshot>> snapshots(const std::string& volume, const Patience& patience);
  Result<Snapshot> create_snapshot(const std::string& volume, const std::string& name, const Patience& patience);
  Status remove_snapshot(const std::string& id, const Patience& patience);

  // Without a connector and without an instance: the volume is reserved, nothing is connected, and Nova is never asked.
  Result<Attachment> reserve(const std::string& volume, Access access, const Patience& patience);
  Result<Attachment> connect(const std::string& attachment, const Connector& connector, const Patience& patience);
  Status complete(const std::string& attachment, const Patience& patience);
  Status release(const std::string& attachment, const Patience& patience);
  Result<Attachment> attachment(const std::string& id, const Patience& patience);
  Result<std::vector<Attachment>> attachments(const std::string& volume, const Patience& patience);

 private:
  Session& session_;
};

}  // namespace blockplug::cinder
