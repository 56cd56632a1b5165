// SPDX-License-Identifier: Apache-2.0
#include "cinder/answers.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

namespace blockplug::cinder {
namespace {

using Texts = std::map<std::string, std::string, std::less<>>;

template <typename T>
T good(Result<T> found) {
  EXPECT_TRUE(found.ok()) << found.error().message;
  return found.ok() ? std::move(found).value() : T{};
}

template <typename T>
std::string loss(const Result<T>& found) {
  if (found.ok()) return "accepted";
  EXPECT_EQ(found.error().code, Code::DataLoss);
  EXPECT_EQ(found.error().effect, Effect::None);
  return found.error().message;
}

// `text` with its first `from` as `to`.
std::string changed(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

// --- Keystone ---

constexpr char kToken[] = R"({"token": {
  "methods": ["password"], "expires_at": "2026-11-29T13:00:00.000000Z", "issued_at": "2026-11-29T12:00:00.000000Z",
  "user": {"domain": {"id": "default", "name": "Default"}, "id": "u1", "name": "maria", "password_expires_at": null},
  "project": {"domain": {"id": "default", "name": "Default"}, "id": "3f1b7c0e9d5a4f0b8c2d6e1a7b9c0d2e", "name": "storage"},
  "catalog": [
    {"type": "volumev3", "name": "cinderv3", "id": "c1", "endpoints": [
      {"id": "e1", "interface": "public", "region": "RegionOne", "region_id": "RegionOne", "url": "https://h/volume/v3/3f1b"},
      {"id": "e2", "interface": "internal", "region": "RegionTwo", "url": "http://10.0.0.1:8776/v3/3f1b"},
      {"id": "e3", "interface": "admin", "region_id": null, "url": "http://10.0.0.2:8776/v3/3f1b"},
      {"id": "e4", "interface": "admin", "region_id": "RegionOne"}]},
    {"type": "compute", "endpoints": []}, {"name": "no type"}, {"type": "identity", "endpoints": null}]}})";

TEST(Token, HasItsTimeProjectAndCatalogue) {
  const auto token = good(token_from(kToken, Secret("gAAAA-_")));
  EXPECT_EQ(token.id.reveal(), "gAAAA-_");
  EXPECT_EQ(token.expires, WallClock::from_time_t(1795957200));
  EXPECT_EQ(token.project_id, "3f1b7c0e9d5a4f0b8c2d6e1a7b9c0d2e");
  EXPECT_EQ(token.project_name, "storage");
  EXPECT_EQ(token.user_name, "maria");
  std::string endpoints;
  for (const auto& each : token.endpoints)
    endpoints += each.service_type + " " + each.interface + " " + each.region + " " + each.url + "\n";
  EXPECT_EQ(endpoints,
            "volumev3 public RegionOne https://h/volume/v3/3f1b\n"
            "volumev3 internal RegionTwo http://10.0.0.1:8776/v3/3f1b\n"
            "volumev3 admin  http://10.0.0.2:8776/v3/3f1b\n");
}

TEST(Token, OfADomainHasNoProject) {
  const auto token = good(token_from(R"({"token": {"expires_at": "2026-11-29T13:00:00Z", "domain": {"id": "d"}}})", Secret("t")));
  EXPECT_EQ(token.project_id, "");
  EXPECT_TRUE(token.endpoints.empty());
}

TEST(Token, ExpiresAtATimeInUtcOrWithAnOffset) {
  struct Row {
    std::string text;
    std::time_t seconds;  // 0: not a time
  };
  const Row rows[] = {
      {"2026-11-29T13:00:00.000000Z", 1795957200},
      {"2026-11-29T13:00:00Z", 1795957200},
      {"2026-11-29T13:00:00.999", 1795957200},
      {"2026-11-29T13:00:00", 1795957200},
      {"2026-11-29T15:30:00+02:30", 1795957200},
      {"2026-11-29T08:00:00.0-05:00", 1795957200},
      {"2024-02-29T00:00:00Z", 1709164800},
      {"2016-12-31T23:59:60Z", 1483228800},
      {"2023-02-29T00:00:00Z", 0},
      {"2026-13-01T00:00:00Z", 0},
      {"2026-00-01T00:00:00Z", 0},
      {"2026-11-29T24:00:00Z", 0},
      {"2026-11-29T13:60:00Z", 0},
      {"2026-11-29 13:00:00Z", 0},
      {"2026-11-29T13:00Z", 0},
      {"2026-11-29T13:00:00X", 0},
      {"2026-11-29T13:00:00+2", 0},
      {"+026-11-29T13:00:00Z", 0},
      {"9999-12-31T23:59:59Z", 0},
      {"1969-12-31T23:59:59Z", 0},
      {"tomorrow", 0},
  };
  for (const auto& row : rows) {
    const auto token = token_from(R"({"token": {"expires_at": ")" + row.text + R"("}})", Secret("t"));
    EXPECT_EQ(token.ok(), row.seconds != 0) << row.text;
    if (token.ok())
      EXPECT_EQ(WallClock::to_time_t(token->expires), row.seconds) << row.text;
    else
      EXPECT_EQ(loss(token), "the token has an invalid expires_at") << row.text;
  }
}

TEST(Token, IsRefusedWhereItCannotBeUsed) {
  const std::string good_time = R"("expires_at": "2026-11-29T13:00:00Z")";
  EXPECT_EQ(loss(token_from("{}", Secret("t"))), "it has no 'token'");
  EXPECT_EQ(loss(token_from(R"({"token": []})", Secret("t"))), "it has no 'token'");
  EXPECT_EQ(loss(token_from(R"({"token": {}})", Secret("t"))), "the token has no expires_at");
  EXPECT_EQ(loss(token_from("{\"token\": {" + good_time + R"(, "project": {"name": "p"}}})", Secret("t"))),
            "the token's project has no id");
  EXPECT_EQ(loss(token_from("{\"token\": {" + good_time + R"(, "project": {"id": "../x"}}})", Secret("t"))),
            "the token's project has an invalid id");
  for (const std::string id : {"", "two words", "a\r\nX-Evil: 1", "t\xc3\xb6"})
    EXPECT_EQ(loss(token_from(kToken, Secret(id))), "the token's id is missing or cannot be sent in a header");
}

// --- Cinder ---

constexpr char kVolume[] = R"({"volume": {
  "id": "7a0e7d1c-6d0c-4f63-9d3e-0a3b4f4c1a11", "name": "data", "status": "in-use", "size": 10, "availability_zone": "nova",
  "created_at": "2026-11-29T12:00:00.000000", "updated_at": null, "description": null, "volume_type": "ceph",
  "snapshot_id": "s1", "source_volid": null, "bootable": "true", "encrypted": false, "multiattach": true,
  "metadata": {"blockplug.created": "true", "count": 3, "none": null, "list": [1]},
  "os-vol-host-attr:host": "cinder@rbd#rbd", "links": [], "user_id": "u1", "consistencygroup_id": null,
  "attachments": [
    {"id": "7a0e7d1c-6d0c-4f63-9d3e-0a3b4f4c1a11", "attachment_id": "a1", "volume_id": "7a0e7d1c-6d0c-4f63-9d3e-0a3b4f4c1a11",
     "server_id": "server-1", "host_name": null, "device": "/dev/vdb", "attached_at": "2026-11-29T12:01:00.000000"},
    {"id": "7a0e7d1c-6d0c-4f63-9d3e-0a3b4f4c1a11", "attachment_id": "a2", "server_id": null, "host_name": "node-1"}]}})";

TEST(Volume, IsReadFromItsAnswer) {
  const auto volume = good(volume_from(kVolume));
  EXPECT_EQ(volume.id, "7a0e7d1c-6d0c-4f63-9d3e-0a3b4f4c1a11");
  EXPECT_EQ(volume.name, "data");
  EXPECT_EQ(volume.status, "in-use");
  EXPECT_EQ(volume.type, "ceph");
  EXPECT_EQ(volume.zone, "nova");
  EXPECT_EQ(volume.host, "cinder@rbd#rbd");
  EXPECT_EQ(volume.created, "2026-11-29T12:00:00.000000");
  EXPECT_EQ(volume.source_snapshot, "s1");
  EXPECT_EQ(volume.source_volume, "");
  EXPECT_EQ(volume.size_gib, 10);
  EXPECT_FALSE(volume.is_encrypted);
  EXPECT_TRUE(volume.is_multiattach);
  EXPECT_TRUE(volume.is_bootable);
  EXPECT_EQ(volume.metadata, (Texts{{"blockplug.created", "true"}, {"count", "3"}, {"none", ""}}));
  ASSERT_EQ(volume.attachments.size(), 2U);
  EXPECT_EQ(volume.attachments[0].id, "a1");
  EXPECT_EQ(volume.attachments[0].server, "server-1");
  EXPECT_EQ(volume.attachments[0].host, "");
  EXPECT_EQ(volume.attachments[0].device, "/dev/vdb");
  EXPECT_EQ(volume.attachments[1].id, "a2");
  EXPECT_EQ(volume.attachments[1].server, "");
  EXPECT_EQ(volume.attachments[1].host, "node-1");
}

TEST(Volume, NeedsNoMoreThanIdStatusAndSize) {
  const auto volume = good(volume_from(R"({"volume": {"id": "v", "status": "creating", "size": "1", "name": null}})"));
  EXPECT_EQ(volume.size_gib, 1);
  EXPECT_EQ(volume.name, "");
  EXPECT_TRUE(volume.metadata.empty());
  EXPECT_TRUE(volume.attachments.empty());
}

TEST(Volume, HasSwitchesInEveryFormThatCloudsSend) {
  struct Row {
    std::string value;
    bool is_set;
  };
  const Row rows[] = {{"true", true}, {"\"true\"", true}, {"\"True\"", true},   {"1", true},     {"false", false},
                      {"0", false},   {"null", false},    {"\"false\"", false}, {"\"\"", false}, {"[]", false}};
  for (const auto& row : rows) {
    const auto body = R"({"volume": {"id": "v", "status": "x", "size": 1, "encrypted": )" + row.value + "}}";
    EXPECT_EQ(good(volume_from(body)).is_encrypted, row.is_set) << row.value;
  }
}

TEST(Volume, IsRefusedWhereTheEssentialIsMissing) {
  struct Row {
    std::string from, to, loss;
  };
  const Row rows[] = {
      {"{\"volume\"", "{\"volumes\"", "it has no 'volume'"},
      {R"("id": "7a0e7d1c-6d0c-4f63-9d3e-0a3b4f4c1a11")", R"("id": null)", "the volume has no id"},
      {R"("id": "7a0e7d1c-6d0c-4f63-9d3e-0a3b4f4c1a11")", R"("id": "a/b")", "the volume has an invalid id"},
      {R"("id": "7a0e7d1c-6d0c-4f63-9d3e-0a3b4f4c1a11")", R"("id": "..")", "the volume has an invalid id"},
      {R"("id": "7a0e7d1c-6d0c-4f63-9d3e-0a3b4f4c1a11")", R"("id": "v?x=1")", "the volume has an invalid id"},
      {R"("status": "in-use")", R"("status": "")", "the volume has no status"},
      {R"("status": "in-use")", R"("status": {"a": 1})", "the volume has no status"},
      {R"("size": 10,)", "", "the volume has no size"},
      {R"("size": 10)", R"("size": -1)", "the volume has an invalid size"},
      {R"("size": 10)", R"("size": 1.5)", "the volume has an invalid size"},
      {R"("size": 10)", R"("size": 1e300)", "the volume has an invalid size"},
      {R"("size": 10)", R"("size": 99999999999)", "the volume has an invalid size"},
      {R"("size": 10)", R"("size": "10G")", "the volume has an invalid size"},
      {R"("attachment_id": "a1",)", "", "an attachment of the volume has no attachment_id"},
      {R"("attachments": [)", R"("attachments": {}, "x": [)", "the volume has no list 'attachments'"},
      {R"({"id": "7a0e7d1c-6d0c-4f63-9d3e-0a3b4f4c1a11", "attachment_id": "a1")", R"("text", {"attachment_id": "a1")",
       "an attachment of the volume has no attachment_id"},
  };
  for (const auto& row : rows) EXPECT_EQ(loss(volume_from(changed(kVolume, row.from, row.to))), row.loss) << row.to;
}

TEST(Snapshot, IsReadFromItsAnswer) {
  const std::string body = R"({"snapshot": {"id": "s1", "volume_id": "v1", "name": "before", "status": "available", "size": 4,
      "created_at": "2026-11-29T12:00:00.000000", "metadata": {}}})";
  const auto snapshot = good(snapshot_from(body));
  EXPECT_EQ(snapshot.id, "s1");
  EXPECT_EQ(snapshot.volume_id, "v1");
  EXPECT_EQ(snapshot.name, "before");
  EXPECT_EQ(snapshot.status, "available");
  EXPECT_EQ(snapshot.created, "2026-11-29T12:00:00.000000");
  EXPECT_EQ(snapshot.size_gib, 4);
  EXPECT_EQ(loss(snapshot_from(changed(body, R"("volume_id": "v1",)", ""))), "the snapshot has no volume_id");
  EXPECT_EQ(loss(snapshot_from(changed(body, "snapshot", "volume"))), "it has no 'snapshot'");
}

constexpr char kFlat[] = R"({"attachment": {"id": "a1", "status": "attaching", "instance": null, "volume_id": "v1",
  "attached_at": "2026-11-29T12:00:00.000000", "detached_at": "", "attach_mode": "rw",
  "connection_info": {"driver_volume_type": "rbd", "name": "volumes/volume-v1", "hosts": ["192.0.2.1", "192.0.2.2"],
    "ports": ["6789", "6790"], "cluster_name": "ceph", "auth_enabled": true, "auth_username": "cinder", "secret_type": "ceph",
    "secret_uuid": "0c8f3a4e-0000-4000-8000-000000000001", "volume_id": "v1", "discard": true, "qos_specs": null,
    "access_mode": "rw", "encrypted": false, "cacheable": false, "attachment_id": "a1", "enforce_multipath": false}}})";

constexpr char kNested[] = R"({"attachment": {"id": "a1", "status": "attached", "instance": "server-1", "volume_id": "v1",
  "attach_mode": "null", "connection_info": {"driver_volume_type": "rbd", "enforce_multipath": false, "data": {
    "name": "volumes/volume-v1", "hosts": ["::1"], "ports": [6789], "auth_username": null, "secret_uuid": null,
    "qos_specs": {"total_iops_sec": "500", "read_bytes_sec": 1048576, "x": {"y": 1}}, "access_mode": "ro", "encrypted": true}}}})";

TEST(Attachment, IsReadFromBothShapesOfItsConnection) {
  const auto flat = good(attachment_from(kFlat));
  EXPECT_EQ(flat.id, "a1");
  EXPECT_EQ(flat.volume_id, "v1");
  EXPECT_EQ(flat.status, "attaching");
  EXPECT_EQ(flat.server, "");
  EXPECT_EQ(flat.mode, "rw");
  EXPECT_EQ(flat.attached_at, "2026-11-29T12:00:00.000000");
  ASSERT_TRUE(flat.connection);
  EXPECT_EQ(flat.connection->driver, "rbd");
  EXPECT_EQ(flat.connection->pool, "volumes");
  EXPECT_EQ(flat.connection->image, "volume-v1");
  EXPECT_EQ(flat.connection->monitors, (std::vector<std::string>{"192.0.2.1:6789", "192.0.2.2:6790"}));
  EXPECT_EQ(flat.connection->user, "cinder");
  EXPECT_EQ(flat.connection->cluster_id, "0c8f3a4e-0000-4000-8000-000000000001");
  EXPECT_EQ(flat.connection->access_mode, "rw");
  EXPECT_FALSE(flat.connection->is_encrypted);
  EXPECT_TRUE(flat.connection->qos.empty());

  const auto nested = good(attachment_from(kNested));
  EXPECT_EQ(nested.server, "server-1");
  EXPECT_EQ(nested.mode, "");
  EXPECT_EQ(nested.attached_at, "");
  ASSERT_TRUE(nested.connection);
  EXPECT_EQ(nested.connection->image, "volume-v1");
  EXPECT_EQ(nested.connection->monitors, (std::vector<std::string>{"[::1]:6789"}));
  EXPECT_EQ(nested.connection->user, "");
  EXPECT_EQ(nested.connection->cluster_id, "");
  EXPECT_EQ(nested.connection->access_mode, "ro");
  EXPECT_TRUE(nested.connection->is_encrypted);
  EXPECT_EQ(nested.connection->qos, (Texts{{"total_iops_sec", "500"}, {"read_bytes_sec", "1048576"}}));
}

TEST(Attachment, MayNotBeConnectedYet) {
  for (const std::string info : {"", R"(, "connection_info": null)", R"(, "connection_info": {})"}) {
    const auto body = R"({"attachment": {"id": "a1", "status": "reserved", "volume_id": "v1")" + info + "}}";
    EXPECT_FALSE(good(attachment_from(body)).connection) << info;
  }
}

TEST(Attachment, OfAnotherDriverNamesItOnly) {
  const auto attachment = good(attachment_from(R"({"attachment": {"id": "a1", "status": "attached", "volume_id": "v1",
      "connection_info": {"driver_volume_type": "iscsi", "name": "/odd//name", "hosts": "text", "access_mode": "rw"}}})"));
  ASSERT_TRUE(attachment.connection);
  EXPECT_EQ(attachment.connection->driver, "iscsi");
  EXPECT_EQ(attachment.connection->pool, "");
  EXPECT_EQ(attachment.connection->access_mode, "rw");
}

TEST(Attachment, HasMonitorsWithOrWithoutBrackets) {
  struct Row {
    std::string host, port, monitor;
  };
  const std::string bad = "connection_info has a monitor with an invalid host or port";
  const Row rows[] = {
      {R"("::1")", R"("6789")", "[::1]:6789"},
      {R"("[::1]")", "3300", "[::1]:3300"},
      {R"("2001:db8::1")", R"("6789")", "[2001:db8::1]:6789"},
      {R"("::ffff:192.0.2.1")", R"("6789")", "[::ffff:192.0.2.1]:6789"},
      {R"("mon-1.example.org")", R"("6789")", "mon-1.example.org:6789"},
      {R"("192.0.2.1")", R"("06789")", "192.0.2.1:6789"},
      {R"("192.0.2.1:6789")", R"("6789")", bad},
      {R"("v2:[::1]")", R"("3300")", bad},
      {R"("[::1")", R"("3300")", bad},
      {R"("192.0.2.1,192.0.2.9")", R"("6789")", bad},
      {R"("a b")", R"("6789")", bad},
      {R"("")", R"("6789")", bad},
      {"null", R"("6789")", bad},
      {R"("192.0.2.1")", R"("0")", bad},
      {R"("192.0.2.1")", R"("65536")", bad},
      {R"("192.0.2.1")", "-1", bad},
      {R"("192.0.2.1")", R"("6789/0")", bad},
      {R"("192.0.2.1")", "{}", bad},
  };
  for (const auto& row : rows) {
    const auto found =
        attachment_from(changed(changed(kNested, R"(["::1"])", "[" + row.host + "]"), "[6789]", "[" + row.port + "]"));
    if (found.ok())
      EXPECT_EQ(found->connection->monitors, std::vector{row.monitor}) << row.host;
    else
      EXPECT_EQ(loss(found), row.monitor) << row.host << " " << row.port;
  }
}

TEST(Attachment, IsRefusedWhereItsConnectionCannotBeUnderstood) {
  struct Row {
    std::string from, to, loss;
  };
  const std::string no_image = "connection_info has a name that is not <pool>/<image>";
  const Row rows[] = {
      {R"("status": "attaching",)", "", "the attachment has no status"},
      {R"("id": "a1")", R"("id": "")", "the attachment has no id"},
      {R"("volume_id": "v1")", R"("volume_id": "v 1")", "the attachment has an invalid volume_id"},
      {R"("driver_volume_type": "rbd", )", "", "connection_info has no driver_volume_type"},
      {R"("connection_info": {)", R"("connection_info": "text", "x": {)", "connection_info has no driver_volume_type"},
      {R"("name": "volumes/volume-v1")", R"("name": null)", "connection_info has no name"},
      {"volumes/volume-v1", "volume-v1", no_image},
      {"volumes/volume-v1", "/volume-v1", no_image},
      {"volumes/volume-v1", "volumes/", no_image},
      {"volumes/volume-v1", "volumes/space/volume-v1", no_image},
      {"volumes/volume-v1", "volumes/volume-v1@snap", no_image},
      {"volumes/volume-v1", "volumes/-v1", no_image},
      {"volumes/volume-v1", "volumes/volume v1", no_image},
      {"volumes/volume-v1", "volumes/volume\\u0000v1", no_image},
      {R"("ports": ["6789", )", R"("ports": [)", "connection_info has 2 hosts and 1 ports"},
      {R"("ports": ["6789", "6790"])", R"("ports": null)", "connection_info has 2 hosts and 0 ports"},
      {R"("hosts": ["192.0.2.1", "192.0.2.2"])", R"("hosts": "192.0.2.1")", "connection_info has no list 'hosts'"},
      {R"("auth_username": "cinder")", R"("auth_username": "a,b")", "connection_info has an invalid auth_username"},
      {"0c8f3a4e-0000", "a\\nb", "connection_info has an invalid secret_uuid"},
      {R"("access_mode": "rw")", R"("access_mode": "wo")", "connection_info has an access_mode that is neither rw nor ro"},
  };
  for (const auto& row : rows) EXPECT_EQ(loss(attachment_from(changed(kFlat, row.from, row.to))), row.loss) << row.to;
}

TEST(Page, HasItsItemsAndTheMarkerOfTheNext) {
  const std::string items = R"({"snapshots": [{"id": "s1", "volume_id": "v1", "status": "available", "size": 1},
                                              {"id": "s2", "volume_id": "v1", "status": "creating", "size": 1}])";
  auto page = good(snapshots_from(items + "}"));
  ASSERT_EQ(page.items.size(), 2U);
  EXPECT_EQ(page.items[1].id, "s2");
  EXPECT_EQ(page.next_marker, "");
  struct Row {
    std::string links, marker;
  };
  const std::string bad = "the link to the next page has no marker";
  const Row rows[] = {
      {"[]", ""},
      {"null", ""},
      {R"([{"rel": "previous", "href": "http://h/v3/p/snapshots?marker=s0"}])", ""},
      {R"([{"rel": "next", "href": "http://h/v3/p/snapshots/detail?limit=2&marker=s2"}])", "s2"},
      {R"([{"rel": "previous"}, {"href": "/snapshots?marker=s-2_3.&limit=2#x", "rel": "next"}])", "s-2_3."},
      {R"([{"rel": "next", "href": "http://h/snapshots?xmarker=s1&marker=s2"}])", "s2"},
      {R"([{"rel": "next", "href": "http://h/marker=s1"}])", bad},
      {R"([{"rel": "next", "href": "http://h/snapshots?limit=2"}])", bad},
      {R"([{"rel": "next", "href": "http://h/snapshots?marker="}])", bad},
      {R"([{"rel": "next", "href": "http://h/snapshots?marker=..%2F"}])", bad},
      {R"([{"rel": "next"}])", bad},
  };
  for (const auto& row : rows) {
    const auto found = snapshots_from(items + R"(, "snapshots_links": )" + row.links + "}");
    EXPECT_EQ(found.ok() ? found->next_marker : loss(found), row.marker) << row.links;
  }
}

TEST(Page, OfVolumesAndOfAttachments) {
  auto volume = changed(kVolume, "{\"volume\": ", "");
  volume.pop_back();
  const auto volumes = good(
      volumes_from("{\"volumes\": [" + volume + R"(], "volumes_links": [{"rel": "next", "href": "http://h?limit=1&marker=v1"}]})"));
  ASSERT_EQ(volumes.items.size(), 1U);
  EXPECT_EQ(volumes.items[0].name, "data");
  EXPECT_EQ(volumes.next_marker, "v1");
  const auto attachments = good(attachments_from(
      R"({"attachments": [{"id": "a1", "status": "attached", "instance": null, "volume_id": "v1"}]})"));  // a summary
  ASSERT_EQ(attachments.items.size(), 1U);
  EXPECT_EQ(attachments.items[0].status, "attached");
  EXPECT_TRUE(good(attachments_from(R"({"attachments": []})")).items.empty());
  EXPECT_EQ(loss(attachments_from(R"({"attachments": null})")), "it has no list 'attachments'");
  EXPECT_EQ(loss(volumes_from(R"({"volumes": [{"id": "v1", "name": "no details"}]})")), "the volume has no status");
  EXPECT_EQ(loss(volumes_from(R"({"volumes": [7]})")), "the volume has no id");
  EXPECT_EQ(loss(volumes_from("[]")), "it has no list 'volumes'");
}

TEST(Microversions, AreTheHighestOfVersionThree) {
  const std::string v3 = R"({"id": "v3.0", "status": "CURRENT", "version": "3.70", "min_version": "3.0", "links": []})";
  struct Row {
    const char* name;
    std::string body, version;
  };
  const Row rows[] = {
      {"a list", "{\"versions\": [{\"id\": \"v2.0\", \"version\": \"\"}, " + v3 + "]}", "3.70"},
      {"one alone", "{\"version\": " + v3 + "}", "3.70"},
      {"the highest of several", "{\"versions\": [" + v3 + R"(, {"id": "v3.1", "version": "3.9"}]})", "3.70"},
      {"without microversions", R"({"versions": [{"id": "v3.0", "version": ""}]})", "3.0"},
      {"another id of it", R"({"versions": [{"id": "v3", "version": "3.54"}]})", "3.54"},
      {"no v3", R"({"versions": [{"id": "v2.0"}, {"id": "v30.0", "version": "30.1"}, 7]})",
       "NOT_FOUND it does not offer version 3 of the volume API"},
      {"none", R"({"versions": []})", "NOT_FOUND it does not offer version 3 of the volume API"},
      {"a version that is none", R"({"versions": [{"id": "v3.0", "version": "3"}]})", "DATA_LOSS its v3 has an invalid version"},
      {"a version with more", R"({"versions": [{"id": "v3.0", "version": "3.70.1"}]})", "DATA_LOSS its v3 has an invalid version"},
      {"another document", R"({"name": "nova"})", "DATA_LOSS it has no list 'versions'"},
      {"HTML", "<html></html>", "DATA_LOSS it is not JSON"},
  };
  for (const auto& row : rows) {
    const auto found = newest_microversion(row.body);
    EXPECT_EQ(found.ok() ? to_text(*found) : to_text(found.error().code) + (" " + found.error().message), row.version) << row.name;
  }
  EXPECT_LT((Microversion{3, 9}), (Microversion{3, 44}));
}

TEST(Answers, ThatAreNotJsonOrTooMuchOfItAreRefused) {
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  const std::function<std::string(const std::string&)> all[] = {
      [](const auto& body) { return loss(token_from(body, Secret("t"))); },
      [](const auto& body) { return loss(volume_from(body)); },
      [](const auto& body) { return loss(snapshot_from(body)); },
      [](const auto& body) { return loss(attachment_from(body)); },
      [](const auto& body) { return loss(volumes_from(body)); },
      [](const auto& body) { return loss(snapshots_from(body)); },
      [](const auto& body) { return loss(attachments_from(body)); },
      [](const auto& body) { return loss(newest_microversion(body)); }};
  for (const auto& read : all) {
    EXPECT_EQ(read(""), "it is empty");
    for (const std::string body : {"null x", "{\"volume\": {", "\xff", "{\"a\": \"\xff\"}", "<html>secret</html>"})
      EXPECT_EQ(read(body), "it is not JSON") << body;
    EXPECT_TRUE(read("null").starts_with("it has no "));
    EXPECT_TRUE(read(nested(64)).starts_with("it has no "));
    EXPECT_EQ(read(nested(65)), "it is nested too deeply");
    EXPECT_EQ(read(std::string((16 << 20) + 1, ' ')), "it is larger than 16 MiB");
  }
  EXPECT_TRUE(volume_from(changed(kVolume, "\"data\"", "\"[[[[" + std::string(100, '{') + "\\\"{\"")).ok()) << "in a text";
}

TEST(Answers, OfAnyBytesAreReadOrRefused) {
  std::mt19937 random(1);
  const auto pick = [&](std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(random); };
  const std::string letters = "{}[]:,\"\\0123456789.-e truefalsn\xff\x01/";
  const std::string bodies[] = {kToken,
                                kVolume,
                                kFlat,
                                kNested,
                                R"({"versions": [{"id": "v3.0", "version": "3.70"}]})",
                                R"({"badRequest": {"message": "no"}})"};
  for (int round = 0; round < 1000; ++round) {
    auto body = bodies[pick(std::size(bodies))];
    for (auto edits = pick(4) + 1; edits > 0; --edits) {
      const auto at = pick(body.size());
      body.replace(at, pick(2), 1, letters[pick(letters.size())]);
    }
    (void)token_from(body, Secret("t"));
    (void)volume_from(body);
    (void)attachment_from(body);
    (void)newest_microversion(body);
    const auto reason = reason_in(body);
    EXPECT_LE(reason.size(), 300U);
    for (const char letter : reason) EXPECT_TRUE(letter >= 0x20 && letter < 0x7f) << reason;
  }
}

}  // namespace
}  // namespace blockplug::cinder
