// SPDX-License-Identifier: Apache-2.0
// What the fake Cinder does with volumes, attachments and snapshots, as the real one does.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cinder/fake_cloud_client.h"

namespace blockplug::test {
namespace {

TEST_F(FakeCloudTest, AVolumeIsCreatedExtendedAndDeletedWhileItIsLookedAt) {
  cloud.edit([](CloudState& state) { state.looks_until_settled = 2; });
  const Reply created = call("POST", "/volumes", {{"volume", {{"name", "a"}, {"size", 2}, {"metadata", {{"k", "v"}}}}}});
  ASSERT_EQ(created.status, 202) << created.text;
  const std::string id = created.body()["volume"]["id"];
  EXPECT_EQ(created.body()["volume"]["status"], "creating");
  EXPECT_EQ(status_of(id), "creating");
  EXPECT_EQ(status_of(id), "available");
  EXPECT_EQ(call("POST", "/volumes/" + id + "/action", {{"os-extend", {{"new_size", 3}}}}).status, 202);
  EXPECT_EQ(status_of(id), "extending");
  const json grown = call("GET", "/volumes/" + id).body()["volume"];
  EXPECT_EQ(grown["status"], "available");
  EXPECT_EQ(grown["size"], 3);
  const Reply smaller = call("POST", "/volumes/" + id + "/action", {{"os-extend", {{"new_size", 3}}}});
  EXPECT_EQ(message_in(smaller),
            "Invalid input received: New size for extend must be greater than current size. (current: 3, extended: 3).");
  EXPECT_EQ(call("DELETE", "/volumes/" + id).status, 202);
  EXPECT_EQ(status_of(id), "deleting");
  const Reply gone = call("GET", "/volumes/" + id);
  EXPECT_EQ(gone.status, 404);
  EXPECT_EQ(gone.body()["itemNotFound"]["message"], "Volume " + id + " could not be found.");
}

TEST_F(FakeCloudTest, WorkCanEndInAnError) {
  cloud.edit([](CloudState& state) { state.creating_ends = "error"; });
  EXPECT_EQ(status_of(create({{"size", 1}})), "error");
  cloud.edit([](CloudState& state) {
    state.volumes["0a"] = {.name = "here"};
    state.extending_ends = "error_extending";
    state.deleting_ends = "error_deleting";
  });
  EXPECT_EQ(call("POST", "/volumes/0a/action", {{"os-extend", {{"new_size", 3}}}}).status, 202);
  const json volume = call("GET", "/volumes/0a").body()["volume"];
  EXPECT_EQ(volume["status"], "error_extending");
  EXPECT_EQ(volume["size"], 1);
  EXPECT_EQ(call("DELETE", "/volumes/0a").status, 202);
  EXPECT_EQ(status_of("0a"), "error_deleting");
}

TEST_F(FakeCloudTest, TypesMakeVolumesMultiattachOrEncrypted) {
  const auto volume = [&](const json& asked) { return call("GET", "/volumes/" + create(asked)).body()["volume"]; };
  EXPECT_EQ(volume({{"size", 1}, {"volume_type", "multi"}})["multiattach"], true);
  EXPECT_EQ(volume({{"size", 1}, {"volume_type", "locked"}})["encrypted"], true);
  EXPECT_EQ(volume({{"size", 1}})["volume_type"], "__DEFAULT__");
  EXPECT_EQ(message_in(call("POST", "/volumes", {{"volume", {{"size", 1}, {"volume_type", "x"}}}})),
            "Volume type with name x could not be found.");
}

TEST_F(FakeCloudTest, ListsPageByPageNewestFirst) {
  cloud.edit([](CloudState& state) {
    state.page_limit = 2;
    for (const char* id : {"0a", "0b", "0c", "0d"}) state.volumes[id] = {.name = "x"};
    state.volumes["0e"] = {.name = "x", .project = "another"};
  });
  std::string path = "/volumes/detail?name=x", ids;
  int pages = 0;
  for (; !path.empty(); ++pages) {
    const json page = call("GET", path).body();
    for (const json& each : page["volumes"]) ids += each["id"].get<std::string>() + " ";
    const std::string next = page.contains("volumes_links") ? page["volumes_links"][0]["href"] : "";
    EXPECT_EQ(next.find("//"), next.empty() ? std::string::npos : 5U);
    path = next.empty() ? "" : next.substr(next.find("/volumes/detail"));
  }
  EXPECT_EQ(ids, "0d 0c 0b 0a ");
  EXPECT_EQ(pages, 3);  // the last one is empty
  const json page = call("GET", "/volumes/detail?limit=1&marker=0c").body();
  EXPECT_EQ(page["volumes"][0]["id"], "0b");
  EXPECT_EQ(page["volumes_links"][0]["href"], cloud.volume_url() + "/volumes/detail?limit=1&marker=0b");
  EXPECT_TRUE(call("GET", "/volumes/detail?limit=50").body().contains("volumes_links"));  // two, which is the most
  EXPECT_EQ(call("GET", "/volumes/detail?marker=0f").status, 404);
}

TEST_F(FakeCloudTest, FiltersLists) {
  cloud.edit([](CloudState& state) {
    state.volumes["0a"] = {.name = "one", .metadata = {{"k", "it's"}, {"other", "\"x\""}}};
    state.volumes["0b"] = {.name = "two", .metadata = {{"k", "v"}}};
  });
  const auto ids = [&](const std::string& query) {
    std::string found;
    const json body = call("GET", "/volumes/detail?" + query).body();
    for (const json& each : body["volumes"]) found += each["id"].get<std::string>();
    return found;
  };
  EXPECT_EQ(ids("name=one"), "0a");
  EXPECT_EQ(ids("status=available"), "0b0a");
  EXPECT_EQ(ids("metadata=%7B%27k%27%3A+%27v%27%7D"), "0b");
  EXPECT_EQ(ids("metadata={%27k%27:%20%27it%5C%27s%27,%20%27other%27:%20%27%22x%22%27}"), "0a");
  EXPECT_EQ(ids("metadata={%22k%22:%20%22it%27s%22}"), "0a");
  EXPECT_EQ(ids("metadata={%27k%27:%20%27none%27}"), "");
  EXPECT_EQ(ids("metadata=k"), "");
  EXPECT_EQ(message_in(call("GET", "/volumes/detail?color=red")), "Invalid filters color are found in query options.");
  EXPECT_EQ(call("GET", "/volumes/detail?color=red", nullptr, "3.30").body()["volumes"].size(), 2U);
}

TEST_F(FakeCloudTest, MetadataIsMergedAndItsKeysAreDeletedOneByOne) {
  const std::string id = create({{"size", 1}, {"metadata", {{"a", "1"}}}});
  const Reply added = call("POST", "/volumes/" + id + "/metadata", {{"metadata", {{"blockplug.x", "node/vm"}, {"a", "2"}}}});
  EXPECT_EQ(added.status, 200);
  EXPECT_EQ(added.body()["metadata"], (json{{"a", "2"}, {"blockplug.x", "node/vm"}}));
  EXPECT_EQ(call("DELETE", "/volumes/" + id + "/metadata/blockplug.x").status, 200);
  EXPECT_EQ(call("GET", "/volumes/" + id + "/metadata").body()["metadata"], (json{{"a", "2"}}));
  EXPECT_EQ(message_in(call("DELETE", "/volumes/" + id + "/metadata/blockplug.x")),
            "Volume " + id + " has no metadata with key blockplug.x.");
  EXPECT_EQ(call("POST", "/volumes/" + id + "/metadata", {{"metadata", {{"a\n", "2"}}}}).status, 400);
  EXPECT_EQ(call("POST", "/volumes/" + id + "/metadata", {{"metadata", {{"a", std::string(256, 'x')}}}}).status, 400);
}

TEST_F(FakeCloudTest, AnAttachmentIsReservedConnectedCompletedAndDeleted) {
  const std::string volume = create({{"size", 1}});
  const Reply reserved = reserve(volume);
  ASSERT_EQ(reserved.status, 200) << reserved.text;
  const json first = reserved.body()["attachment"];
  const std::string path = "/attachments/" + first["id"].get<std::string>();
  EXPECT_EQ(first["status"], "reserved");
  EXPECT_EQ(first["attach_mode"], "null");
  EXPECT_EQ(first["connection_info"], json::object());
  EXPECT_EQ(first["instance"], nullptr);
  EXPECT_EQ(status_of(volume), "reserved");
  const Reply again = reserve(volume);
  EXPECT_EQ(again.status, 400);
  EXPECT_EQ(again.body()["badRequest"]["message"],
            "Invalid volume: Volume " + volume +
                " status must be available or downloading to reserve, but the current status is reserved.");

  EXPECT_EQ(call("PUT", path, {{"attachment", {{"connector", {{"ip", "192.0.2.9"}}}}}}).status, 500);
  EXPECT_EQ(call("PUT", path, {{"attachment", {{"connector", json::object()}}}}).status, 400);
  const json connected = call("PUT", path, {{"attachment", {{"connector", {{"host", "node-1"}}}}}}).body()["attachment"];
  EXPECT_EQ(connected["status"], "reserved");  // told as it was before
  const json info = connected["connection_info"];
  EXPECT_EQ(info["name"], "volumes/volume-" + volume);
  EXPECT_EQ(info["hosts"], (json{"192.0.2.1", "192.0.2.2"}));
  EXPECT_EQ(info["ports"], (json{"6789", "6789"}));
  EXPECT_EQ(info["driver_volume_type"], "rbd");
  EXPECT_EQ(info["qos_specs"], nullptr);
  const json attaching = call("GET", path).body()["attachment"];
  EXPECT_EQ(attaching["status"], "attaching");
  EXPECT_EQ(attaching["attach_mode"], "rw");
  EXPECT_EQ(attaching["connection_info"], info);
  EXPECT_EQ(status_of(volume), "attaching");

  const Reply completed = call("POST", path + "/action", {{"os-complete", json::object()}});
  EXPECT_EQ(completed.status, 204);
  EXPECT_EQ(completed.text, "");
  EXPECT_EQ(reserve(volume).status, 400);
  EXPECT_EQ(status_of(volume), "in-use");
  EXPECT_EQ(call("GET", path).body()["attachment"]["status"], "attached");
  EXPECT_EQ(call("GET", "/volumes/" + volume).body()["volume"]["attachments"][0]["attachment_id"], first["id"]);
  EXPECT_EQ(call("DELETE", "/volumes/" + volume).status, 400);
  EXPECT_EQ(call("GET", "/attachments?volume_id=" + volume).body()["attachments"].size(), 1U);
  EXPECT_FALSE(call("GET", "/attachments?volume_id=" + volume).body()["attachments"][0].contains("connection_info"));
  EXPECT_EQ(call("GET", "/attachments/detail?volume_id=" + volume).body()["attachments"][0]["connection_info"], info);
  EXPECT_EQ(call("GET", "/attachments?volume_id=0a").body()["attachments"].size(), 0U);

  const Reply deleted = call("DELETE", path);
  EXPECT_EQ(deleted.status, 200);
  EXPECT_EQ(deleted.body(), (json{{"attachments", json::array()}}));
  EXPECT_EQ(status_of(volume), "available");
  EXPECT_EQ(call("GET", path).status, 404);
  EXPECT_EQ(call("DELETE", path).status, 404);
}

TEST_F(FakeCloudTest, APostWithAConnectorConnectsAtOnce) {
  const std::string volume = create({{"size", 1}});
  const json asked{{"volume_uuid", volume}, {"mode", "ro"}, {"connector", {{"host", "node-1"}, {"mountpoint", "vm:web"}}}};
  const json attachment = call("POST", "/attachments", {{"attachment", asked}}).body()["attachment"];
  EXPECT_EQ(attachment["status"], "attaching");
  EXPECT_EQ(attachment["attach_mode"], "ro");
  EXPECT_EQ(attachment["connection_info"]["attachment_id"], attachment["id"]);
  EXPECT_EQ(status_of(volume), "attaching");
  cloud.edit([](CloudState& state) { state.is_admin = true; });
  call("POST", "/attachments/" + attachment["id"].get<std::string>() + "/action", {{"os-complete", nullptr}});
  const json told = call("GET", "/volumes/" + volume).body()["volume"]["attachments"][0];
  EXPECT_EQ(told["host_name"], "node-1");
  EXPECT_EQ(told["device"], "vm:web");
}

TEST_F(FakeCloudTest, AMultiattachVolumeHasAsManyAttachmentsAsOnesThatAreCompleted) {
  const std::string volume = create({{"size", 1}, {"volume_type", "multi"}});
  const std::string first = attach(volume);
  const std::string second = reserve(volume).body()["attachment"]["id"];
  EXPECT_NE(message_in(reserve(volume)).find("must be available or in-use or downloading to reserve"), std::string::npos);
  const json others = call("DELETE", "/attachments/" + second).body()["attachments"];
  ASSERT_EQ(others.size(), 1U);
  EXPECT_EQ(others[0]["id"], first);
  EXPECT_EQ(status_of(volume), "in-use");
  attach(volume);
  EXPECT_EQ(call("GET", "/volumes/" + volume).body()["volume"]["attachments"].size(), 2U);
  EXPECT_EQ(call("DELETE", "/attachments/" + first).status, 200);
  EXPECT_EQ(status_of(volume), "in-use");
}

TEST_F(FakeCloudTest, KeepsNovasAttachmentsAndRefusesVolumesInError) {
  cloud.edit([](CloudState& state) {
    state.volumes["0a"] = {.status = "in-use"};
    state.attachments["0b"] = {.volume_id = "0a", .status = "attached", .connection = R"({"name": "x"})", .instance = "server"};
    state.volumes["0c"] = {.status = "error"};
    state.attachments["0d"] = {.volume_id = "0c"};
  });
  EXPECT_EQ(message_in(call("DELETE", "/attachments/0b")),
            "ConflictNovaUsingAttachment: Detach volume from instance server using the Compute API");
  EXPECT_EQ(reserve("0c").status, 400);
  EXPECT_EQ(call("PUT", "/attachments/0d", {{"attachment", {{"connector", {{"host", "h"}}}}}}).status, 500);
}

TEST_F(FakeCloudTest, CallsNeedTheirMicroversions) {
  cloud.edit([](CloudState& state) {
    state.volumes["0a"] = {.status = "in-use"};
    state.volumes["0b"] = {};
    state.attachments["0c"] = {.volume_id = "0a", .status = "attaching"};
  });
  const json reserve_ro{{"attachment", {{"volume_uuid", "0b"}, {"mode", "ro"}}}};
  const json extend{{"os-extend", {{"new_size", 2}}}}, complete{{"os-complete", nullptr}};
  const json snapshot{{"snapshot", {{"volume_id", "0a"}}}}, forced{{"snapshot", {{"volume_id", "0a"}, {"force", true}}}};
  const struct {
    const char *method, *path;
    json body;
    const char* version;
    int status;
  } rows[] = {
      {"GET", "/attachments", nullptr, "3.26", 404},
      {"GET", "/attachments", nullptr, "3.27", 200},
      {"POST", "/attachments", reserve_ro, "3.53", 400},
      {"POST", "/attachments", reserve_ro, "3.54", 200},
      {"POST", "/attachments/0c/action", complete, "3.43", 404},
      {"POST", "/attachments/0c/action", complete, "3.44", 204},
      {"POST", "/snapshots", snapshot, "3.65", 400},
      {"POST", "/snapshots", forced, "3.65", 202},
      {"POST", "/snapshots", snapshot, "3.66", 202},
      {"POST", "/volumes/0a/action", extend, "3.41", 400},
      {"POST", "/volumes/0a/action", extend, "3.42", 202},
      {"GET", "/volumes/detail", nullptr, "3.71", 406},
      {"GET", "/volumes/detail", nullptr, "latest", 200},
      {"GET", "/volumes/detail", nullptr, "three", 400},
  };
  for (const auto& row : rows) {
    const Reply reply = call(row.method, row.path, row.body, row.version);
    EXPECT_EQ(reply.status, row.status) << row.method << " " << row.path << " " << row.version << " " << reply.text;
  }
  EXPECT_EQ(call("GET", "/volumes/0a", nullptr, "3.54").header("OpenStack-API-Version"), "volume 3.54");
  EXPECT_EQ(status_of("0a"), "in-use");  // extended, as it was before
  EXPECT_EQ(reserve("0b").status, 400);
  EXPECT_EQ(call("POST", "/attachments", {{"attachment", {{"volume_uuid", "0b"}, {"instance_uuid", nullptr}}}}).status, 400);
}

TEST_F(FakeCloudTest, SnapshotsKeepTheirVolumeAndBecomeVolumes) {
  const std::string volume = create({{"size", 2}, {"volume_type", "multi"}});
  const Reply created =
      call("POST", "/snapshots", {{"snapshot", {{"volume_id", volume}, {"name", "s"}, {"metadata", {{"a", "b"}}}}}});
  ASSERT_EQ(created.status, 202) << created.text;
  const std::string snapshot = created.body()["snapshot"]["id"];
  EXPECT_EQ(created.body()["snapshot"]["status"], "creating");
  EXPECT_EQ(message_in(call("POST", "/volumes", {{"volume", {{"snapshot_id", snapshot}}}})),
            "Invalid snapshot: Originating snapshot status must be one of 'available' values");
  EXPECT_EQ(call("GET", "/snapshots/" + snapshot).body()["snapshot"]["status"], "available");
  EXPECT_EQ(call("GET", "/snapshots/detail?volume_id=" + volume).body()["snapshots"][0]["size"], 2);
  EXPECT_EQ(call("GET", "/snapshots/detail?volume_id=0a").body()["snapshots"].size(), 0U);
  EXPECT_EQ(call("DELETE", "/volumes/" + volume).status, 400);
  EXPECT_EQ(call("POST", "/volumes", {{"volume", {{"snapshot_id", snapshot}, {"size", 1}}}}).status, 400);
  const json copy = call("GET", "/volumes/" + create({{"snapshot_id", snapshot}})).body()["volume"];
  EXPECT_EQ(copy["size"], 2);
  EXPECT_EQ(copy["snapshot_id"], snapshot);
  const json grown = call("GET", "/volumes/" + create({{"source_volid", volume}, {"size", 3}})).body()["volume"];
  EXPECT_EQ(grown["source_volid"], volume);
  EXPECT_EQ(grown["volume_type"], "multi");
  EXPECT_EQ(call("DELETE", "/snapshots/" + snapshot).status, 202);
  EXPECT_EQ(call("GET", "/snapshots/" + snapshot).status, 404);
  EXPECT_EQ(call("DELETE", "/volumes/" + volume).status, 202);
}

TEST_F(FakeCloudTest, QuotasAreAnsweredWith413) {
  cloud.edit([](CloudState& state) {
    state.volume_quota = 1;
    state.gigabyte_quota = 3;
  });
  const std::string volume = create({{"size", 1}});
  const Reply second = call("POST", "/volumes", {{"volume", {{"size", 1}}}});
  EXPECT_EQ(second.status, 413);
  EXPECT_EQ(second.header("Retry-After"), "0");
  EXPECT_EQ(second.body()["overLimit"]["message"],
            "VolumeLimitExceeded: Maximum number of volumes allowed (1) exceeded for quota 'volumes'.");
  EXPECT_EQ(call("POST", "/volumes/" + volume + "/action", {{"os-extend", {{"new_size", 4}}}}).status, 413);
  EXPECT_EQ(call("POST", "/volumes/" + volume + "/action", {{"os-extend", {{"new_size", 3}}}}).status, 202);
}

}  // namespace
}  // namespace blockplug::test
