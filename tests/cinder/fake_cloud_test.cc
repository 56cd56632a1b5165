// SPDX-License-Identifier: Apache-2.0
// The fake Keystone, and what can become of a call on its way.
#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/cinder/fake_cloud_client.h"

namespace blockplug::test {
namespace {

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
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::minutes(1));
  for (int tries = 0; threads() != before && tries < 1000; ++tries) std::this_thread::sleep_for(std::chrono::milliseconds(10));
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
