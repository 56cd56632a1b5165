// SPDX-License-Identifier: Apache-2.0
#pragma once
// What Cinder and Keystone answer, as values. Pure functions; the JSON stays in the .cc files. Sources: the Block Storage API v3
// and the Identity API v3 references (https://docs.openstack.org/api-ref/), and what a real Cinder 21 sends.
//
// Every function: DataLoss where the text is not the JSON that it must be; the message says what is wrong, without the text itself.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attach-detach/outcome.h"
#include "cinder/secret.h"

namespace blockplug::cinder {

// --- Keystone ---

struct Endpoint {
  std::string service_type, interface, region, url;
};
struct Token {
  Secret id;
  WallClock::time_point expires{};
  std::string project_id, project_name, user_name;
  std::vector<Endpoint> endpoints;  // of all services
};
// The body of POST /v3/auth/tokens; the id is in a header.
Result<Token> token_from(const std::string& body, Secret id);

// --- Cinder ---

struct VolumeAttachment {
  std::string id;      // of the attachment
  std::string server;  // Nova's server, or empty
  std::string host;    // only told to administrators
  std::string device;
};
struct Volume {
  std::string id, name, status, type, zone, host, created, source_snapshot, source_volume;
  std::int64_t size_gib{};
  bool is_encrypted{}, is_multiattach{}, is_bootable{};
  std::map<std::string, std::string, std::less<>> metadata{};
  std::vector<VolumeAttachment> attachments{};
};
struct Snapshot {
  std::string id, volume_id, name, status, created;
  std::int64_t size_gib{};
};

// Both shapes: flat (attachments) and nested under "data" (os-initialize_connection).
struct ConnectionInfo {
  std::string driver;                 // "rbd"
  std::string pool, image;            // of "name": "volumes/volume-…"; empty for other drivers
  std::vector<std::string> monitors;  // "192.0.2.1:6789", "[2001:db8::1]:6789"
  std::string user;                   // auth_username
  std::string cluster_id;             // secret_uuid: the cluster's fsid, unless the operator configured another one
  std::string access_mode;            // "rw" | "ro"; empty: not told
  bool is_encrypted{};
  std::map<std::string, std::string, std::less<>> qos{};
};
struct Attachment {
  std::string id, volume_id, status, server, mode, attached_at;
  std::optional<ConnectionInfo> connection{};  // once it is connected
};

Result<Volume> volume_from(const std::string& body);      // {"volume": {…}}
Result<Snapshot> snapshot_from(const std::string& body);  // {"snapshot": {…}}
Result<Attachment> attachment_from(const std::string& body);
template <typename T>
struct Page {
  std::vector<T> items;
  std::string next_marker;  // empty: the last page
};
// `next_marker` is the id after "marker=" in the link "next"; the rest of the link is never followed.
Result<Page<Volume>> volumes_from(const std::string& body);
Result<Page<Snapshot>> snapshots_from(const std::string& body);
Result<Page<Attachment>> attachments_from(const std::string& body);

// The version document: the highest microversion of v3. NotFound: there is no v3.
struct Microversion {
  int major{}, minor{};
  auto operator<=>(const Microversion&) const = default;
};
std::string to_text(const Microversion& version);  // "3.54"
Result<Microversion> newest_microversion(const std::string& body);

// The reason in an error's body: {"badRequest": {"code": 400, "message": "…"}}, {"error": {"message": "…"}}, a page of HTML (its
// title), or other text. One printable line of at most 300 bytes; empty: there is none.
std::string reason_in(std::string_view body);

}  // namespace blockplug::cinder
