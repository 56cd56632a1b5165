// SPDX-License-Identifier: Apache-2.0
#include "cinder/session.h"

#include "cinder/keystone.h"
#include "tests/cinder/cloud_world.h"

namespace blockplug::cinder::testing {
namespace {

class SessionTest : public CloudWorld {
 protected:
  static CinderCall look_at(const std::string& id) { return {.method = "GET", .path = "/volumes/" + id, .what = "look"}; }
  Status ask(Session& session, milliseconds limit = seconds(30)) {
    const auto answer = session.ask(look_at(volume_), patience(limit));
    if (!answer.ok()) return answer.error();
    return Ok{};
  }
  std::string refusal(Session& session) {
    const auto answer = ask(session);
    EXPECT_FALSE(answer.ok());
    return answer.ok() ? "it was answered" : answer.error().message;
  }
  void endpoints(const std::vector<test::CloudEndpoint>& endpoints) {
    cloud_.edit([&](CloudState& state) { state.catalogue = endpoints; });
  }
  std::string volume_{make_volume()};
};

TEST_F(SessionTest, LogsInOnceForManyCalls) {
  for (int count = 0; count < 5; ++count) EXPECT_TRUE(ask(*session_).ok());
  EXPECT_EQ(cloud_.count("POST /auth/tokens"), 1);
  EXPECT_EQ(cloud_.count("GET /volumes/{id}"), 5);
  const auto login = session_->login(patience());
  ASSERT_TRUE(login.ok());
  EXPECT_EQ(to_text((*login)->version), "3.54");
  expect_only_known_calls();
}

TEST_F(SessionTest, LogsInAgainWhereTheTokenWasRevoked) {
  EXPECT_TRUE(ask(*session_).ok());
  cloud_.edit([](CloudState& state) { state.revoke_all(); });
  EXPECT_TRUE(ask(*session_).ok());
  EXPECT_EQ(cloud_.count("POST /auth/tokens"), 2);
}

TEST_F(SessionTest, RenewsATokenThatWouldNotOutliveTheLongestCallButNotForEachCall) {
  cloud_.edit([](CloudState& state) { state.token_lifetime = seconds(60); });
  for (int count = 0; count < 5; ++count) EXPECT_TRUE(ask(*session_).ok());
  EXPECT_EQ(cloud_.count("POST /auth/tokens"), 1) << "it is new";
  cloud_.edit([](CloudState& state) { state.token_lifetime = seconds(0); });
  const auto other = session_with({});
  EXPECT_TRUE(ask(*other).ok());
  EXPECT_TRUE(ask(*other).ok());
  EXPECT_EQ(cloud_.count("POST /auth/tokens"), 3);
}

TEST_F(SessionTest, SpeaksTheNewestVersionThatBothKnow) {
  for (const auto& [newest, spoken] : {std::pair(70, "3.54"), {54, "3.54"}, {50, "3.50"}, {44, "3.44"}}) {
    cloud_.edit([minor = newest](CloudState& state) { state.max_minor = minor; });
    const auto login = session_with({})->login(patience());
    ASSERT_TRUE(login.ok()) << login.error().message;
    EXPECT_EQ(to_text((*login)->version), spoken);
  }
  cloud_.edit([&](CloudState& state) { state.max_minor = 43; });
  expect_in("offers the volume API up to 3.43, but 3.44 (OpenStack Queens) is needed", refusal(*session_with({})));
}

TEST_F(SessionTest, TakesTheEndpointOfTheRegionAndNeverTheFirstOfSeveral) {
  const auto url = cloud_.volume_url();
  endpoints({{"One", "public", "volumev3", url},
             {"Two", "public", "volumev3", "http://127.0.0.1:1/elsewhere"},
             {"One", "internal", "volumev3", "http://127.0.0.1:1/inside"}});
  const auto several = refusal(*session_with({}));
  expect_in("several regions have a block storage service: set region_name; it has: volumev3 public in One, volumev3 public in Two",
            several);
  EXPECT_TRUE(ask(*session_with({{"OS_REGION_NAME", "One"}})).ok());
  expect_in("no block storage service (volumev3) with a public endpoint in region 'Three'",
            refusal(*session_with({{"OS_REGION_NAME", "Three"}})));
  endpoints({{"One", "internal", "block-storage", url + "/"}});
  EXPECT_TRUE(ask(*session_with({{"OS_INTERFACE", "internal"}})).ok());
  expect_in("with a public endpoint", refusal(*session_with({})));
  endpoints({});
  expect_in("it has: none", refusal(*session_with({})));
}

TEST_F(SessionTest, FindsKeystoneWhateverTheEndOfItsUrl) {
  const auto root = cloud_.auth_url().substr(0, cloud_.auth_url().size() - 3);
  for (const auto* end : {"", "/", "/v3", "/v3/", "/v3/auth/tokens", "/v3/auth/tokens/"}) {
    const auto session = session_with({{"OS_AUTH_URL", root + end}});
    EXPECT_TRUE(ask(*session).ok()) << end;
  }
}

TEST_F(SessionTest, TellsWrongCredentialsWithoutRepeatingThem) {
  const auto session = session_with({{"OS_PASSWORD", "xyzzy-wrong"}});
  const auto answer = ask(*session);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, Code::Unauthenticated);
  EXPECT_EQ(answer.error().effect, Effect::None);
  expect_in("check the credentials of the cloud", answer.error().message);
  EXPECT_EQ(answer.error().message.find("xyzzy"), std::string::npos) << answer.error().message;
}

TEST_F(SessionTest, DoesNotRepeatALoginThatWasJustRefused) {
  const auto session = session_with({{"OS_PASSWORD", "wrong"}});
  for (int count = 0; count < 5; ++count) EXPECT_FALSE(ask(*session).ok());
  EXPECT_EQ(cloud_.count("POST /auth/tokens"), 1) << "Keystone may lock an account";
}

TEST_F(SessionTest, LogsInWithAnApplicationCredential) {
  const std::map<std::string, std::string> none{{"OS_USERNAME", ""},
                                                {"OS_PASSWORD", ""},
                                                {"OS_PROJECT_NAME", ""},
                                                {"OS_USER_DOMAIN_NAME", ""},
                                                {"OS_PROJECT_DOMAIN_NAME", ""}};
  auto by_id = none;
  by_id["OS_AUTH_TYPE"] = "v3applicationcredential";
  by_id["OS_APPLICATION_CREDENTIAL_ID"] = "credential-1";
  by_id["OS_APPLICATION_CREDENTIAL_SECRET"] = "credential-secret";
  EXPECT_TRUE(ask(*session_with(by_id)).ok());
  by_id["OS_APPLICATION_CREDENTIAL_SECRET"] = "wrong";
  EXPECT_FALSE(ask(*session_with(by_id)).ok());
}

TEST_F(SessionTest, TellsWhatCameBackWhereJsonShouldBe) {
  fault({.kind = Fault::Kind::Answer,
         .operation = "POST /auth/tokens",
         .answer = {200, {{"content-type", "text/html"}}, "<html><head><title>Welcome to nginx!</title></head></html>"}});
  expect_in("the answer has no token (Welcome to nginx!); check that auth_url is Keystone's", refusal(*session_));
  fault({.kind = Fault::Kind::Answer, .path = "/volume/", .answer = {200, {}, "<html><title>It works</title></html>"}});
  const auto other = session_with({});  // the first one does not ask again so soon
  expect_in("is not Cinder's version document", refusal(*other));
  EXPECT_TRUE(ask(*session_with({})).ok());
}

TEST_F(SessionTest, LeavesACloudAloneForAsLongAsItAsks) {
  EXPECT_TRUE(ask(*session_).ok());
  fault({.kind = Fault::Kind::Answer, .operation = "GET /volumes/{id}", .answer = {429, {{"retry-after", "60"}}, "slow down"}});
  const auto first = ask(*session_);
  ASSERT_FALSE(first.ok());
  EXPECT_EQ(first.error().code, Code::Unavailable);
  EXPECT_EQ(first.error().effect, Effect::None);
  const auto calls = cloud_.look([](const CloudState& state) { return state.requests.size(); });
  expect_in("the cloud asked to be called again later (status 429); not asked again for 60 s", refusal(*session_));
  EXPECT_EQ(cloud_.look([](const CloudState& state) { return state.requests.size(); }), calls) << "also for other volumes";
}

TEST_F(SessionTest, SaysWhereNothingListensAndThatNothingHappened) {
  const auto session = session_with({{"OS_AUTH_URL", "http://127.0.0.1:1/v3"}});
  const auto answer = ask(*session);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, Code::Unavailable);
  EXPECT_EQ(answer.error().effect, Effect::None);
  expect_in("POST http://127.0.0.1:1/v3/auth/tokens: no connection", answer.error().message);
}

TEST_F(SessionTest, GivesUpAtItsDeadline) {
  EXPECT_TRUE(ask(*session_).ok());
  fault({.kind = Fault::Kind::Delay, .operation = "GET /volumes/{id}", .delay = seconds(20)});
  const auto began = Clock::now();
  const auto answer = ask(*session_, milliseconds(300));
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, Code::DeadlineExceeded);
  EXPECT_LT(Clock::now() - began, seconds(10));
  cloud_.release();
}

TEST_F(SessionTest, TellsAnAnswerThatWasCutFromOneThatIsComplete) {
  EXPECT_TRUE(ask(*session_).ok());
  for (const auto kind : {Fault::Kind::CutAnswer, Fault::Kind::CloseBefore, Fault::Kind::CloseAfter}) {
    fault({.kind = kind, .operation = "GET /volumes/{id}", .times = 3});  // libcurl tries once more by itself
    const auto answer = ask(*session_);
    ASSERT_FALSE(answer.ok()) << static_cast<int>(kind);
    EXPECT_EQ(answer.error().code, Code::Unavailable) << answer.error().message;
    cloud_.edit([](CloudState& state) { state.faults.clear(); });
    EXPECT_TRUE(ask(*session_).ok());
  }
}

TEST_F(SessionTest, NeverSendsACreationTwice) {
  EXPECT_TRUE(ask(*session_).ok());
  const auto posts = [&] { return cloud_.count("POST /attachments"); };
  for (const auto kind : {Fault::Kind::CloseBefore, Fault::Kind::CloseAfter}) {
    const auto volume = make_volume();
    const auto before = posts();
    fault({.kind = kind, .operation = "POST /attachments"});
    const auto made = api_.reserve(volume, Access::ReadWrite, patience());
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().effect, Effect::Unknown);
    EXPECT_EQ(posts(), before + 1);
  }
}

// libcurl would send them again by itself, and Cinder would refuse the second for what the first did.
TEST_F(SessionTest, SendsOnceWhatWouldBeRefusedTheSecondTime) {
  const auto volume = make_volume();
  const auto snapshot = api_.create_snapshot(volume, "s", patience());
  ASSERT_TRUE(snapshot.ok()) << snapshot.error().message;
  EXPECT_TRUE(ask(*session_).ok());  // there is a kept connection
  const std::pair<const char*, std::function<Status()>> calls[] = {
      {"POST /volumes/{id}/action os-extend", [&] { return api_.extend(volume, 2, patience()); }},
      {"DELETE /snapshots/{id}", [&] { return api_.remove_snapshot(snapshot->id, patience()); }},
      {"DELETE /volumes/{id}", [&] { return api_.remove(volume, patience()); }}};
  for (const auto& [operation, call] : calls) {
    fault({.kind = Fault::Kind::CloseAfter, .operation = operation});
    const auto answer = call();
    ASSERT_FALSE(answer.ok()) << operation;
    EXPECT_EQ(answer.error().effect, Effect::Unknown) << operation;
    EXPECT_EQ(cloud_.count(operation), 1) << operation;
    EXPECT_TRUE(ask(*session_).ok());
  }
}

TEST_F(SessionTest, RefusesAnAnswerThatIsTooLong) {
  EXPECT_TRUE(ask(*session_).ok());
  fault({.kind = Fault::Kind::Answer, .operation = "GET /volumes/{id}", .answer = {200, {}, std::string(kLongestAnswer + 1, ' ')}});
  expect_in("the answer is longer than 16 MiB", refusal(*session_));
}

TEST(TokenRequest, HasTheScopeOfTheProjectAndTheDomainsOfNames) {
  Credentials credentials;
  credentials.user = {"", "demo"};
  credentials.user_domain = {"", "Default"};
  credentials.password = Secret("secret");
  credentials.project = {"p1", ""};
  EXPECT_EQ(token_request(credentials),
            R"({"auth":{"identity":{"methods":["password"],"password":{"user":{"domain":{"name":"Default"},"name":"demo",)"
            R"("password":"secret"}}},"scope":{"project":{"id":"p1"}}}})");
}

}  // namespace
}  // namespace blockplug::cinder::testing
