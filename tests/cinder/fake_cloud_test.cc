// SPDX-License-Identifier: Apache-2.0
// The fake cloud, over a raw socket: what tests of cinder/ rely on.
#include "tests/cinder/fake_cloud.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <set>

namespace blockplug::test {
namespace {
using nlohmann::json;
using Kind = CloudFault::Kind;

struct Reply {
  int status{};      // 0: the connection was closed before the head had come
  std::string head;  // with the status line
  std::string text;
  bool is_whole{};
  json body() const { return json::parse(text); }
  std::string header(const std::string& name) const {
    const std::size_t at = head.find("\r\n" + name + ": ");
    return at == std::string::npos ? "" : head.substr(at + name.size() + 4, head.find("\r\n", at + 2) - at - name.size() - 4);
  }
};

class Client {
 public:
  explicit Client(const FakeCloud& cloud) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const std::string url = cloud.auth_url();
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1))));
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Reply call(const std::string& method, const std::string& path, const json& body = nullptr, const Pairs& headers = {}) {
    std::string text = method + " " + path + " HTTP/1.1\r\nHost: fake\r\n";
    for (const auto& [name, value] : headers) text.append(name).append(": ").append(value).append("\r\n");
    const std::string content = body.is_null() ? "" : body.dump();
    text += "Content-Length: " + std::to_string(content.size()) + "\r\n\r\n" + content;
    EXPECT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    return receive();
  }

 private:
  Reply receive() {
    std::string received;
    std::size_t head_end = std::string::npos, end = std::string::npos;
    while (received.size() < end) {
      std::array<char, 4096> buffer{};
      const ssize_t size = ::recv(fd_, buffer.data(), buffer.size(), 0);
      if (size <= 0) break;
      received.append(buffer.data(), static_cast<std::size_t>(size));
      if (head_end = received.find("\r\n\r\n"); head_end == std::string::npos) continue;
      const std::size_t length = received.find("Content-Length: ");
      end = head_end + 4 + (length < head_end ? std::stoul(received.substr(length + 16)) : 0);
    }
    if (head_end == std::string::npos) return {.status = 0, .head = received, .text = {}, .is_whole = false};
    return {.status = std::stoi(received.substr(9, 3)),
            .head = received.substr(0, head_end + 2),
            .text = received.substr(head_end + 4),
            .is_whole = received.size() >= end};
  }
  int fd_;
};

json proof(const std::string& method, const json& what) { return {{"methods", {method}}, {method, what}}; }
json password_of(const json& user) { return proof("password", {{"user", user}}); }
const json kUser{{"name", "demo"}, {"domain", {{"name", "Default"}}}, {"password", "secret"}};
const json kProject{{"project", {{"name", "demo-project"}, {"domain", {{"id", "default"}}}}}};

class FakeCloudTest : public ::testing::Test {
 protected:
  Reply log_in(const json& identity, const json& scope) {
    json auth{{"identity", identity}};
    if (!scope.is_null()) auth["scope"] = scope;
    return Client(cloud).call("POST", "/identity/v3/auth/tokens", {{"auth", auth}});
  }
  // With a token, over a connection of its own; `path` below the project.
  Reply call(const std::string& method, const std::string& path, const json& body = nullptr, const std::string& version = "3.54") {
    if (token.empty()) token = log_in(password_of(kUser), kProject).header("X-Subject-Token");
    const Pairs headers{{"X-Auth-Token", token}, {"OpenStack-API-Version", "volume " + version}};
    return Client(cloud).call(method, "/volume/v3/" + project + path, body, headers);
  }
  std::string create(const json& volume) {  // and waits for it
    const std::string id = call("POST", "/volumes", {{"volume", volume}}).body()["volume"]["id"];
    call("GET", "/volumes/" + id);
    return id;
  }
  Reply reserve(const std::string& volume) { return call("POST", "/attachments", {{"attachment", {{"volume_uuid", volume}}}}); }
  std::string attach(const std::string& volume) {
    const std::string id = reserve(volume).body()["attachment"]["id"];
    EXPECT_EQ(call("PUT", "/attachments/" + id, {{"attachment", {{"connector", {{"host", "node-1"}}}}}}).status, 200);
    EXPECT_EQ(call("POST", "/attachments/" + id + "/action", {{"os-complete", json::object()}}).status, 204);
    return id;
  }
  std::string status_of(const std::string& volume) { return call("GET", "/volumes/" + volume).body()["volume"]["status"]; }
  static std::string message_in(const Reply& reply) { return reply.body().begin().value().value("message", ""); }

  FakeCloud cloud;
  const std::string project = cloud.look([](const CloudState& state) { return state.project_id; });
  std::string token;
};

TEST_F(FakeCloudTest, GivesTokensForWhatProvesAnIdentity) {
  const std::string first = log_in(password_of(kUser), nullptr).header("X-Subject-Token");
  const auto credential = [](const json& what) { return proof("application_credential", what); };
  const json by_id{{"id", "credential-1"}, {"secret", "credential-secret"}};
  const json by_name{{"name", "blockplug"}, {"secret", "credential-secret"}, {"user", kUser}};
  const json wrong{{"name", "demo"}, {"domain", {{"name", "Default"}}}, {"password", "other"}};
  const struct {
    const char* name;
    json identity, scope;
    int status;
    bool has_project{};
  } rows[] = {
      {"password, project by name", password_of(kUser), kProject, 201, true},
      {"password, project by id", password_of(kUser), {{"project", {{"id", project}}}}, 201, true},
      {"password, unscoped", password_of(kUser), nullptr, 201},
      {"user by id", password_of({{"id", "user-1"}, {"password", "secret"}}), kProject, 201, true},
      {"credential by id", credential(by_id), nullptr, 201, true},
      {"credential by name", credential(by_name), nullptr, 201, true},
      {"token", proof("token", {{"id", first}}), kProject, 201, true},
      {"wrong password", password_of(wrong), kProject, 401},
      {"wrong domain", password_of({{"name", "demo"}, {"domain", {{"id", "x"}}}, {"password", "secret"}}), kProject, 401},
      {"wrong project", password_of(kUser), {{"project", {{"id", "0123"}}}}, 401},
      {"wrong secret", credential({{"id", "credential-1"}, {"secret", "x"}}), nullptr, 401},
      {"credential with a scope", credential(by_id), kProject, 401},
      {"wrong token", proof("token", {{"id", "x"}}), kProject, 401},
      {"a name without its domain", password_of({{"name", "demo"}, {"password", "secret"}}), kProject, 400},
      {"no method", {{"methods", json::array()}}, kProject, 400},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const Reply reply = log_in(row.identity, row.scope);
    ASSERT_EQ(reply.status, row.status) << reply.text;
    EXPECT_EQ(reply.header("X-Subject-Token").empty(), row.status != 201);
    if (row.status != 201) {
      EXPECT_EQ(reply.body()["error"]["code"], row.status);
      continue;
    }
    const json body = reply.body()["token"];
    EXPECT_EQ(body.contains("catalog"), row.has_project);
    EXPECT_EQ(body.contains("project") ? body["project"]["id"] : "", row.has_project ? project : "");
    EXPECT_EQ(body["user"]["name"], "demo");
    EXPECT_EQ(body["expires_at"].get<std::string>().size(), std::string("2026-01-01T00:00:00.000000Z").size());
  }
}

TEST_F(FakeCloudTest, TellsTheCatalogueAndTheLifetimeThatItWasGiven) {
  const auto endpoints_of = [](const Reply& reply) {
    std::set<std::string> endpoints;
    const json body = reply.body();
    for (const json& service : body["token"]["catalog"])
      for (const json& each : service["endpoints"])
        endpoints.insert(service["type"].get<std::string>() + " " + each["interface"].get<std::string>() + " " +
                         each["region_id"].get<std::string>() + " " + each["url"].get<std::string>());
    return endpoints;
  };
  EXPECT_EQ(endpoints_of(log_in(password_of(kUser), kProject)),
            (std::set<std::string>{"volumev3 public RegionOne " + cloud.volume_url()}));
  cloud.edit([](CloudState& state) {
    state.catalogue.push_back({"RegionTwo", "internal", "block-storage", "http://elsewhere/v3/"});
    state.token_lifetime = std::chrono::seconds(-10);
  });
  const Reply second = log_in(password_of(kUser), kProject);
  EXPECT_EQ(endpoints_of(second).size(), 2U);
  EXPECT_TRUE(endpoints_of(second).contains("block-storage internal RegionTwo http://elsewhere/v3/"));
  EXPECT_LT(second.body()["token"]["expires_at"], second.body()["token"]["issued_at"]);
}

TEST_F(FakeCloudTest, HasVersionDocuments) {
  Client client(cloud);
  EXPECT_EQ(client.call("GET", "/identity").status, 300);
  EXPECT_EQ(client.call("GET", "/identity/v3/").body()["version"]["id"], "v3.14");
  const Reply all = client.call("GET", "/volume/");
  EXPECT_EQ(all.status, 300);
  EXPECT_EQ(all.body()["versions"][0]["version"], "3.70");
  EXPECT_EQ(client.call("GET", "/volume/v3/").status, 401);
  cloud.edit([](CloudState& state) {
    state.is_v3_document_public = true;
    state.max_minor = 50;
  });
  const Reply one = client.call("GET", "/volume/v3/");
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(one.body()["versions"][0]["version"], "3.50");
}

TEST_F(FakeCloudTest, WantsATokenOfTheProjectThatIsNotRevoked) {
  EXPECT_EQ(call("GET", "/volumes/detail").status, 200);
  cloud.edit([](CloudState& state) { state.revoke_all(); });
  const Reply reply = call("GET", "/volumes/detail");
  EXPECT_EQ(reply.status, 401);
  EXPECT_EQ(reply.body()["error"]["message"], "The request you have made requires authentication.");
  EXPECT_EQ(reply.header("X-Openstack-Request-Id").substr(0, 4), "req-");
  token = log_in(password_of(kUser), nullptr).header("X-Subject-Token");
  EXPECT_EQ(message_in(call("GET", "/volumes/detail")), "Malformed request url");
}

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

TEST_F(FakeCloudTest, RecordsWhatWasCalledOverWhichConnection) {
  Client client(cloud);
  const Pairs headers{{"X-Openstack-Request-Id", "req-mine"}};
  EXPECT_EQ(client.call("GET", "/volume/").status, 300);
  EXPECT_EQ(client.call("GET", "/compute/v2.1/servers?x=y%20z", nullptr, headers).status, 404);
  call("PUT", "/attachments/0a", {{"attachment", {{"connector", {{"host", "h"}}}}}});
  cloud.look([&](const CloudState& state) {
    ASSERT_EQ(state.requests.size(), 4U);
    EXPECT_EQ(state.requests[0].operation, "GET /volume");
    EXPECT_EQ(state.requests[1].operation, "");
    EXPECT_EQ(state.requests[1].query.at("x"), "y z");
    EXPECT_EQ(state.requests[1].headers.at("x-openstack-request-id"), "req-mine");
    EXPECT_EQ(state.requests[0].connection, state.requests[1].connection);
    EXPECT_EQ(state.requests[2].operation, "POST /auth/tokens");
    EXPECT_EQ(state.requests[3].operation, "PUT /attachments/{id}");
    EXPECT_NE(state.requests[2].connection, state.requests[3].connection);
    EXPECT_EQ(json::parse(state.requests[3].body)["attachment"]["connector"]["host"], "h");
  });
  EXPECT_EQ(cloud.count("PUT /attachments/{id}"), 1);
}

TEST_F(FakeCloudTest, AnswersAreLostOnEitherSideOfTheirEffect) {
  const json asked{{"volume", {{"size", 1}}}};
  const auto volumes = [&] { return cloud.look([](const CloudState& state) { return state.volumes.size(); }); };
  call("GET", "/volumes/detail");  // for the token
  cloud.edit([](CloudState& state) {
    for (const Kind kind : {Kind::CloseBefore, Kind::CloseAfter, Kind::CutAnswer})
      state.faults.push_back({.kind = kind, .operation = "POST /volumes"});
    state.faults.push_back({.kind = Kind::Answer,
                            .method = "POST",
                            .path = "/volumes",
                            .skip = 1,
                            .answer = {.status = 429, .headers = {{"Retry-After", "3"}}, .body = "<html>"}});
  });
  EXPECT_EQ(call("GET", "/volumes/detail").status, 200);  // matches none
  EXPECT_EQ(call("POST", "/volumes", asked).head, "");
  EXPECT_EQ(volumes(), 0U);
  EXPECT_EQ(call("POST", "/volumes", asked).head, "");
  EXPECT_EQ(volumes(), 1U);
  const Reply cut = call("POST", "/volumes", asked);
  EXPECT_EQ(cut.status, 202);
  EXPECT_FALSE(cut.is_whole);
  EXPECT_FALSE(cut.text.empty());
  EXPECT_EQ(volumes(), 2U);
  EXPECT_EQ(call("POST", "/volumes", asked).status, 202);  // the one that is skipped
  const Reply limited = call("POST", "/volumes", asked);
  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.header("Retry-After"), "3");
  EXPECT_EQ(limited.text, "<html>");
  EXPECT_EQ(volumes(), 3U);
  EXPECT_EQ(call("POST", "/volumes", asked).status, 202);
  EXPECT_EQ(cloud.count("POST /volumes"), 6);
}

TEST_F(FakeCloudTest, AnAnswerWithoutABodyIsCutToo) {
  cloud.edit([](CloudState& state) {
    state.volumes["0a"] = {};
    state.faults.push_back({.kind = Kind::CutAnswer, .method = "DELETE"});
  });
  const Reply reply = call("DELETE", "/volumes/0a");
  EXPECT_EQ(reply.status, 0);
  EXPECT_FALSE(reply.head.empty());
}

TEST_F(FakeCloudTest, ADelayedCallStopsNoOtherAndIsReleased) {
  call("GET", "/volumes/detail");
  cloud.edit([](CloudState& state) {
    state.faults.push_back({.operation = "POST /volumes", .delay = std::chrono::minutes(5)});
    state.faults.push_back({.path = "/volumes/detail", .delay = std::chrono::milliseconds(5)});
  });
  auto created = std::async(std::launch::async, [&] { return call("POST", "/volumes", {{"volume", {{"size", 1}}}}).status; });
  EXPECT_TRUE(cloud.wait_until([](const CloudState& state) { return state.requests.back().operation == "POST /volumes"; }));
  EXPECT_EQ(call("GET", "/volumes/detail").body()["volumes"].size(), 0U);
  cloud.release();
  EXPECT_EQ(created.get(), 202);
  EXPECT_EQ(call("GET", "/volumes/detail").body()["volumes"].size(), 1U);
}

TEST(FakeCloud, StopsAtOnceAndLeavesNoThread) {
  const auto threads = [] {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return std::distance(begin(tasks), end(tasks));
  };
  const auto before = threads();
  const auto start = std::chrono::steady_clock::now();
  {
    FakeCloud cloud;
    cloud.edit([](CloudState& state) { state.faults.push_back({.path = "/volume", .delay = std::chrono::minutes(5)}); });
    Client idle(cloud);
    EXPECT_EQ(idle.call("GET", "/identity").status, 300);
    std::thread delayed;
    {
      FakeCloud stopped;
      stopped.edit([](CloudState& state) { state.faults.push_back({.delay = std::chrono::minutes(5)}); });
      delayed = std::thread([client = std::make_shared<Client>(stopped)] { EXPECT_EQ(client->call("GET", "/volume/").status, 0); });
      EXPECT_TRUE(stopped.wait_until([](const CloudState& state) { return state.requests.size() == 1; }));
    }
    delayed.join();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
  EXPECT_EQ(threads(), before);
}

TEST_F(FakeCloudTest, ServesManyClientsAtOnce) {
  call("GET", "/volumes/detail");
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < 8; ++i)
      clients.emplace_back([&] {
        for (int n = 0; n < 10; ++n) EXPECT_EQ(call("POST", "/volumes", {{"volume", {{"size", 1}}}}).status, 202);
      });
  }
  EXPECT_EQ(call("GET", "/volumes/detail").body()["volumes"].size(), 80U);
}

}  // namespace
}  // namespace blockplug::test
