// SPDX-License-Identifier: Apache-2.0
#include "cinder/cloud_files.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "cinder/cloud_section.h"

namespace blockplug::cinder {
namespace {

constexpr char kClouds[] = R"(clouds:
  prod:
    auth:
      auth_url: https://keystone.example.org:5000/v3
      username: maria
      password: s3cret
      project_name: storage
      user_domain_name: Default
      project_domain_name: Default
    region_name: RegionOne
    interface: internal
    identity_api_version: 3
    networks: [{name: a, routes_externally: true}]
  test-2: {auth: {auth_url: "http://k", username: max, password: x, project_id: p1, user_domain_id: default}}
)";

// A home, a working directory and an /etc/openstack of its own.
class CloudFilesTest : public testing::Test {
 protected:
  CloudFilesTest() {
    std::string pattern = testing::TempDir() + "/clouds-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    before_ = std::filesystem::current_path();
    for (const auto* directory : {"work", "home/.config/openstack", "config/openstack", "etc"})
      std::filesystem::create_directories(folder_ / directory);
    std::filesystem::current_path(folder_ / "work");
    variables_["HOME"] = at("home");
  }
  ~CloudFilesTest() override {
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(folder_);
  }
  std::string at(const std::string& path) const { return folder_ / path; }
  void put(const std::string& path, const std::string& text) const { std::ofstream(at(path), std::ios::binary) << text; }
  CloudFiles files(const std::string& cloud = "prod") {
    const auto environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      return found == variables_.end() ? std::nullopt : std::optional(found->second);
    };
    return CloudFiles(cloud, environment, at("etc"));
  }
  Credentials read(const std::string& cloud = "prod") {
    auto found = files(cloud).read();
    EXPECT_TRUE(found.ok()) << found.error().message;
    return found.ok() ? std::move(found).value() : Credentials{};
  }
  std::string refusal(Code code, const std::string& cloud = "prod") {
    const auto found = files(cloud).read();
    if (found.ok()) return "accepted";
    EXPECT_EQ(found.error().code, code) << found.error().message;
    EXPECT_EQ(found.error().effect, Effect::None);
    return found.error().message;
  }

  std::filesystem::path folder_, before_;
  std::map<std::string, std::string> variables_;
};

// A cloud that its user's name tells apart.
std::string cloud_of(const std::string& user) {
  return "clouds: {prod: {auth: {auth_url: 'http://k', username: " + user + ", password: x, project_id: p, user_domain_id: d}}}";
}

TEST_F(CloudFilesTest, GiveACloudOfCloudsYaml) {
  put("etc/clouds.yaml", kClouds);
  auto found = read();
  EXPECT_EQ(found.source, "cloud 'prod' (" + at("etc/clouds.yaml") + ")");
  EXPECT_EQ(found.kind, AuthKind::Password);
  EXPECT_EQ(found.auth_url, "https://keystone.example.org:5000/v3");
  EXPECT_EQ(found.user.name, "maria");
  EXPECT_EQ(found.password.reveal(), "s3cret");
  EXPECT_EQ(found.project.name, "storage");
  EXPECT_EQ(found.user_domain.name, "Default");
  EXPECT_EQ(found.project_domain.name, "Default");
  EXPECT_EQ(found.region, "RegionOne");
  EXPECT_EQ(found.interface, "internal");
  found = read("test-2");
  EXPECT_EQ(found.user.name, "max");
  EXPECT_EQ(found.region, "");
}

TEST_F(CloudFilesTest, UseTheFirstFileThatIsThere) {
  const std::vector<std::string> last_to_first{"etc/clouds.json",
                                               "etc/clouds.yml",
                                               "etc/clouds.yaml",
                                               "home/.config/openstack/clouds.yaml",
                                               "config/openstack/clouds.yaml",
                                               "work/clouds.yml",
                                               "work/clouds.yaml",
                                               "given.yaml"};
  variables_["XDG_CONFIG_HOME"] = at("config");
  variables_["OS_CLIENT_CONFIG_FILE"] = at("given.yaml");
  int count = 0;
  for (const auto& place : last_to_first) {
    const auto user = "user" + std::to_string(++count);
    put(place, cloud_of(user));
    EXPECT_EQ(read().user.name, user) << place;
  }
  put("work/clouds.yaml", "clouds: {other: {}}");
  variables_.erase("OS_CLIENT_CONFIG_FILE");
  EXPECT_EQ(refusal(Code::NotFound), "./clouds.yaml: has no cloud 'prod'; it has other");
}

TEST_F(CloudFilesTest, SayWhereTheyLookedInVain) {
  EXPECT_EQ(refusal(Code::NotFound), "cloud 'prod': there is no clouds.yaml; looked for ./clouds.yaml, " +
                                         at("home/.config/openstack/clouds.yaml") + ", " + at("etc/clouds.yaml") +
                                         ", and the same with .yml and .json");
  variables_ = {{"OS_CLIENT_CONFIG_FILE", at("given")}};
  EXPECT_EQ(refusal(Code::NotFound), "cloud 'prod': there is no clouds.yaml; looked for " + at("given") + ", ./clouds.yaml, " +
                                         at("etc/clouds.yaml") + ", and the same with .yml and .json");
}

TEST_F(CloudFilesTest, NameTheCloudsThatThereAre) {
  put("etc/clouds.yaml", kClouds);
  EXPECT_EQ(refusal(Code::NotFound, "Prod"), at("etc/clouds.yaml") + ": has no cloud 'Prod'; it has prod, test-2");
  put("etc/clouds.yaml", "");
  EXPECT_EQ(refusal(Code::NotFound), at("etc/clouds.yaml") + ": has no cloud 'prod'; it has none");
  std::string many = "clouds:\n";
  for (int count = 10; count < 30; ++count) many += "  c" + std::to_string(count) + ": {}\n";
  put("etc/clouds.yaml", many);
  EXPECT_EQ(refusal(Code::NotFound),
            at("etc/clouds.yaml") + ": has no cloud 'prod'; it has c10, c11, c12, c13, c14, c15, c16, c17, c18, c19, and others");
}

TEST_F(CloudFilesTest, MergeSecureYamlOverTheCloudOfTheSameName) {
  put("etc/clouds.yaml", R"(clouds: {prod: {auth: {auth_url: "http://k", username: maria, password: old, project_id: p,
    user_domain_id: d}, region_name: R1}, other: {}})");
  put("etc/secure.yaml", "clouds: {prod: {auth: {password: new}, cacert: /ca.pem}, third: {auth: {password: y}}}");
  auto found = read();
  EXPECT_EQ(found.source, "cloud 'prod' (" + at("etc/clouds.yaml") + ")");
  EXPECT_EQ(found.password.reveal(), "new");
  EXPECT_EQ(found.user.name, "maria");
  EXPECT_EQ(found.region, "R1");
  EXPECT_EQ(found.ca_file, "/ca.pem");

  put("home/.config/openstack/secure.yml", "clouds: {prod: {auth: {password: nearer}}}");
  EXPECT_EQ(read().password.reveal(), "nearer") << "the first file that is there";
  variables_["OS_CLIENT_SECURE_FILE"] = at("given");
  EXPECT_EQ(read().password.reveal(), "nearer") << "what is given is not there";
  put("given", "clouds: {prod: {auth: {password: given}}}");
  EXPECT_EQ(read().password.reveal(), "given");
  put("given", "");
  EXPECT_EQ(read().password.reveal(), "old");
  put("given", "clouds: {prod: [a]}");
  EXPECT_EQ(refusal(Code::InvalidArgument), at("given") + ":1: must be keys with values");
}

TEST_F(CloudFilesTest, TakeACloudThatIsInSecureYamlAlone) {
  put("etc/secure.yaml", cloud_of("maria"));
  EXPECT_EQ(read().source, "cloud 'prod' (" + at("etc/secure.yaml") + ")");
  EXPECT_EQ(refusal(Code::NotFound, "other"), at("etc/secure.yaml") + ": has no cloud 'other'; it has prod");
}

TEST_F(CloudFilesTest, ReadJsonToo) {
  put("etc/clouds.json",
      "{\n\t\"clouds\": {\n\t\t\"prod\": {\n\t\t\t\"auth\": {\"auth_url\": \"http:\\/\\/k\", \"user_id\": \"u\",\t\"password\": "
      "\"a\\u00df\\\"#: \", \"project_id\": \"p\"},\n\t\t\t\"verify\": false, \"region_name\": null\n\t\t}\n\t}\n}\n");
  const auto found = read();
  EXPECT_EQ(found.auth_url, "http://k");
  EXPECT_EQ(found.password.reveal(), "aß\"#: ");
  EXPECT_FALSE(found.is_verified);
}

TEST_F(CloudFilesTest, TakeOsCloudOrElseTheVariables) {
  put("etc/clouds.yaml", kClouds);
  variables_["OS_CLOUD"] = "test-2";
  EXPECT_EQ(read("").user.name, "max");
  EXPECT_EQ(read("prod").user.name, "maria") << "the one that is configured";
  variables_ = {{"OS_CLOUD", ""},
                {"OS_AUTH_URL", "https://k/v3"},
                {"OS_USERNAME", "otto"},
                {"OS_PASSWORD", "x"},
                {"OS_PROJECT_NAME", "p"},
                {"OS_PROJECT_ID", ""},
                {"OS_USER_DOMAIN_NAME", "U"},
                {"OS_PROJECT_DOMAIN_ID", "d"},
                {"OS_REGION_NAME", "R2"},
                {"OS_ENDPOINT_TYPE", "internalURL"},
                {"OS_CACERT", "~/ca.pem"},
                {"OS_INSECURE", "True"},
                {"OS_VOLUME_ENDPOINT_OVERRIDE", "https://c/v3"},
                {"HOME", "/home/otto"}};
  const auto found = read("");
  EXPECT_EQ(found.source, kOsVariables);
  EXPECT_EQ(found.user.name, "otto");
  EXPECT_EQ(found.project.name, "p");
  EXPECT_EQ(found.user_domain.name, "U");
  EXPECT_EQ(found.project_domain.id, "d");
  EXPECT_EQ(found.region, "R2");
  EXPECT_EQ(found.interface, "internal");
  EXPECT_EQ(found.ca_file, "/home/otto/ca.pem");
  EXPECT_FALSE(found.is_verified);
  EXPECT_EQ(found.volume_endpoint, "https://c/v3");
  variables_.erase("OS_PASSWORD");
  EXPECT_EQ(refusal(Code::InvalidArgument, ""), "the OS_* variables: OS_PASSWORD is not set");
}

TEST_F(CloudFilesTest, TakeEveryKindOfCredentialsFromTheVariables) {
  variables_ = {{"OS_AUTH_URL", "https://k"},
                {"OS_AUTH_TYPE", "v3applicationcredential"},
                {"OS_APPLICATION_CREDENTIAL_ID", "a"},
                {"OS_APPLICATION_CREDENTIAL_SECRET", "s"}};
  EXPECT_EQ(read("").application_credential.id, "a");
  variables_ = {{"OS_AUTH_URL", "https://k"}, {"OS_TOKEN", "t"}, {"OS_TENANT_ID", "p"}};
  EXPECT_EQ(read("").token.reveal(), "t");
  variables_ = {{"OS_AUTH_TYPE", "noauth"}, {"OS_ENDPOINT", "http://c:8776/v3"}};
  EXPECT_EQ(read("").volume_endpoint, "http://c:8776/v3");
  variables_ = {{"PATH", "/bin"}, {"OS_CLIENT_CONFIG_FILE", "/none"}, {"OS_SOMETHING", "x"}};
  EXPECT_EQ(
      refusal(Code::NotFound, ""),
      "no cloud is configured: name one of clouds.yaml (in the configuration, or in OS_CLOUD), or set OS_AUTH_URL and the other "
      "OS_* variables");
}

TEST_F(CloudFilesTest, ReadTheEnvironmentOfThisProcess) {
  ASSERT_EQ(::setenv("BLOCKPLUG_CLOUD_FILES_TEST", "x y", 1), 0);
  EXPECT_EQ(environment_of_this_process("BLOCKPLUG_CLOUD_FILES_TEST"), "x y");
  ASSERT_EQ(::unsetenv("BLOCKPLUG_CLOUD_FILES_TEST"), 0);
  EXPECT_EQ(environment_of_this_process("BLOCKPLUG_CLOUD_FILES_TEST"), std::nullopt);
}

TEST_F(CloudFilesTest, ExpandTheHomeInPathsOnly) {
  const std::string cloud = "clouds: {prod: {auth: {auth_url: 'http://k', user_id: ~/u, password: ~/x, project_id: p}, ";
  put("etc/clouds.yaml", cloud + "cacert: ~/ca.pem, cert: ~/c/c.pem, key: k~/k.pem}}");
  auto found = read();
  EXPECT_EQ(found.ca_file, at("home/ca.pem"));
  EXPECT_EQ(found.client_cert_file, at("home/c/c.pem"));
  EXPECT_EQ(found.client_key_file, "k~/k.pem");
  EXPECT_EQ(found.user.id, "~/u");
  EXPECT_EQ(found.password.reveal(), "~/x");
  variables_.erase("HOME");
  EXPECT_EQ(read().ca_file, "~/ca.pem");
}

TEST_F(CloudFilesTest, UnderstandWhatPeopleWriteIntoCloudsYaml) {
  const std::string auth = "auth: {auth_url: 'http://k', user_id: u, password: p1, project_id: 0123}";
  struct Row {
    const char* name;
    std::string text;
    std::function<std::string(const Credentials&)> value;
    std::string expected;
  };
  const auto region = [](const Credentials& found) { return found.region; };
  const auto password = [](const Credentials& found) { return found.password.reveal(); };
  const auto user = [](const Credentials& found) { return found.user.id; };
  const auto url = [](const Credentials& found) { return found.auth_url; };
  const Row rows[] = {
      {"a number with a leading zero", "clouds: {prod: {" + auth + "}}", [](const auto& found) { return found.project.id; },
       "0123"},
      {"one region", "clouds: {prod: {" + auth + ", regions: [R1]}}", region, "R1"},
      {"several regions", "clouds: {prod: {" + auth + ", regions: [R1, R2]}}", region, ""},
      {"region_name of several", "clouds: {prod: {" + auth + ", region_name: R2, regions: [R1, R2]}}", region, "R2"},
      {"a region with values",
       "clouds: {prod: {" + auth + ", region_name: R2, regions: [R1, {name: R2, values: {auth: {auth_url: 'http://r2'}}}]}}", url,
       "http://r2"},
      {"a region without values", "clouds: {prod: {" + auth + ", regions: [{name: R1}]}}", region, "R1"},
      {"minus for underscore", "clouds: {prod: {" + auth + ", region-name: R1}}", region, "R1"},
      {"null is not set", "clouds: {prod: {" + auth + ", region_name: null, regions: [R1]}}", region, "R1"},
      {"the cloud's own value wins over auth's", "clouds: {prod: {" + auth + ", user_id: v}}", user, "v"},
      {"the last of two", "clouds: {prod: {" + auth + ", region_name: R1, region_name: R2}}", region, "R2"},
      {"the last cloud of two", "clouds: {prod: {}, prod: {" + auth + "}}", user, "u"},
      {"a merge key", "x: &x {" + auth + ", region_name: R1}\nclouds: {prod: {region_name: R2, <<: *x}}", region, "R2"},
      {"what a merge key brings", "x: &x {" + auth + ", region_name: R1}\nclouds: {prod: {<<: *x}}", region, "R1"},
      {"several merge keys", "x: &x {region_name: R1}\ny: &y {region_name: R2}\nclouds: {prod: {<<: [*x, *y], " + auth + "}}",
       region, "R1"},
      {"a merge key in auth",
       "x: &x {user_id: u, auth_url: 'http://k', project_id: p}\nclouds: {prod: {auth: {<<: *x, password: z}}}", password, "z"},
      {"an alias", "x: &x {" + auth + "}\nclouds: {prod: *x}", user, "u"},
      {"quotes, colons and hashes", "clouds: {prod: {" + auth + ", password: \"a: 'b' #c\"}}", password, "a: 'b' #c"},
      {"a quoted null", "clouds: {prod: {" + auth + ", password: 'null'}}", password, "null"},
      {"a byte order mark",
       "\xef\xbb\xbf"
       "clouds: {prod: {" +
           auth + "}}",
       user, "u"},
      {"lines of Windows", "clouds:\r\n  prod:\r\n    " + auth + "\r\n    region_name: R1\r\n", region, "R1"},
  };
  for (const auto& row : rows) {
    put("etc/clouds.yaml", row.text);
    EXPECT_EQ(row.value(read()), row.expected) << row.name;
  }
}

TEST_F(CloudFilesTest, NameFileAndLineOfWhatTheyCannotUse) {
  const std::string auth = "auth: {auth_url: 'http://k', user_id: u, password: p, project_id: p}";
  struct Row {
    std::string text, refusal;
  };
  const Row rows[] = {
      {"clouds:\n  prod: {a: b\n", ":3: not YAML: end of map flow not found"},
      {"clouds:\n\tprod: {}\n", ":2: not YAML: "},
      {"- a\n- b\n", ":1: must have 'clouds:', and below it each cloud by its name"},
      {"\nclouds:\n  - prod\n", ":3: must have 'clouds:', and below it each cloud by its name"},
      {"clouds:\n  prod: yes\n", ":2: must be keys with values"},
      {"clouds:\n  prod:\n    auth: [a]\n", ":3: must be keys with values"},
      {"clouds:\n  prod:\n    auth:\n      password: [hunter2]\n", ":4: password must be one value, not a list"},
      {"clouds:\n  prod:\n    " + auth + "\n    interface: {a: b}\n", ":4: interface must be one value, not a section"},
      {"clouds:\n  prod:\n    " + auth + "\n    profile: ovh\n",
       ":4: profile names a vendor's profile, which is not supported; copy that profile's values (auth_url, region_name, ...) into "
       "this "
       "file"},
      {"clouds:\n  prod:\n    cloud: https://example.org\n", ":3: cloud names a vendor's profile, which is not supported"},
      {"clouds:\n  prod:\n    " + auth + "\n    regions: R1\n", ":4: regions must be a list"},
      {"clouds:\n  prod:\n    " + auth + "\n    regions: [{values: {}}]\n", ":4: each of the regions must be a name, or have one"},
      {"clouds:\n  prod:\n    " + auth + "\n    regions:\n    - {name: a, values: {regions: [b]}}\n",
       ":5: a region cannot have regions"},
      {"clouds:\n  prod: &x {<<: *x}\n", ":2: merge keys (<<) are nested too deeply"},
      {"a\nclouds: gr\xfc\xdf", ":2: is not UTF-8"},
      {"clouds:\n  prod: *nothing\n", ":2: not YAML: "},
      {std::string(1 << 20, '['), ":1: not YAML: "},
      {std::string((1 << 20) + 1, '#'), ": is larger than 1 MiB; check that this is the right file"},
  };
  for (const auto& row : rows) {
    put("etc/clouds.yaml", row.text);
    const auto found = refusal(Code::InvalidArgument);
    EXPECT_TRUE(found.starts_with(at("etc/clouds.yaml") + row.refusal)) << found << "\nnot " << row.refusal;
    EXPECT_EQ(found.find("hunter2"), std::string::npos);
  }
  put("etc/clouds.yaml", "clouds: {prod: {auth: {auth_url: 'http://k', username: maria}}}");
  EXPECT_EQ(refusal(Code::InvalidArgument), "cloud 'prod' (" + at("etc/clouds.yaml") +
                                                "): has no domain of its user; add auth.user_domain_name or auth.user_domain_id");
}

TEST_F(CloudFilesTest, AreNotKeptBusyByMergeKeysThatMultiply) {
  std::string text = "a0: &a0 {k: v}\n";
  for (int count = 1; count < 12; ++count) {
    const auto before = "*a" + std::to_string(count - 1);
    text += "a" + std::to_string(count) + ": &a" + std::to_string(count) + " {<<: [";
    for (int times = 0; times < 10; ++times) text += (times == 0 ? "" : ", ") + before;
    text += "]}\n";
  }
  put("etc/clouds.yaml", text + "clouds: {prod: {<<: *a11}}\n");
  EXPECT_NE(refusal(Code::InvalidArgument).find(": has too many keys"), std::string::npos);
}

TEST_F(CloudFilesTest, RefuseWhatIsNotAReadableFile) {
  std::filesystem::create_directory(at("etc/clouds.yaml"));
  EXPECT_EQ(refusal(Code::InvalidArgument), at("etc/clouds.yaml") + ": cannot be read: it is not a regular file");
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  variables_["OS_CLIENT_CONFIG_FILE"] = at("pipe");
  EXPECT_EQ(refusal(Code::InvalidArgument), at("pipe") + ": cannot be read: it is not a regular file");
}

// Root may read everything, so it asks as another user.
std::string as_nobody(const std::function<std::string()>& ask) {
  constexpr uid_t kNobody = 65534;
  const bool is_root = ::geteuid() == 0;
  EXPECT_TRUE(!is_root || ::seteuid(kNobody) == 0);
  auto answer = ask();
  EXPECT_TRUE(!is_root || ::seteuid(0) == 0);
  return answer;
}

TEST_F(CloudFilesTest, SayWhatIsNotReadable) {
  put("etc/clouds.yaml", kClouds);
  std::filesystem::permissions(at("etc/clouds.yaml"), std::filesystem::perms{0});
  std::filesystem::permissions(at("home"), std::filesystem::perms{0});
  std::filesystem::permissions(folder_, std::filesystem::perms{0755});
  EXPECT_EQ(as_nobody([this] { return refusal(Code::PermissionDenied); }),
            at("etc/clouds.yaml") + ": cannot be read: Permission denied");
  std::filesystem::remove(at("etc/clouds.yaml"));
  const auto missing = as_nobody([this] { return refusal(Code::NotFound); });
  EXPECT_NE(missing.find(at("home/.config/openstack/clouds.yaml") + " (Permission denied)"), std::string::npos) << missing;
  std::filesystem::permissions(at("home"), std::filesystem::perms{0755});
}

TEST_F(CloudFilesTest, NoticeEveryChangeThatCounts) {
  put("etc/clouds.yaml", cloud_of("maria"));
  auto clouds = files();
  EXPECT_TRUE(clouds.have_changed()) << "nothing was read";
  const auto expect_change_by = [&](const char* what, const std::function<void()>& change) {
    EXPECT_FALSE(clouds.have_changed()) << "before: " << what;
    change();
    EXPECT_TRUE(clouds.have_changed()) << what;
    (void)clouds.read();
    EXPECT_FALSE(clouds.have_changed()) << "after: " << what;
  };
  ASSERT_TRUE(clouds.read().ok());
  expect_change_by("another size", [&] { put("etc/clouds.yaml", cloud_of("max")); });
  expect_change_by("another file of the same size", [&] {
    put("etc/new", cloud_of("tim"));
    std::filesystem::rename(at("etc/new"), at("etc/clouds.yaml"));
  });
  expect_change_by("a secure.yaml", [&] { put("etc/secure.yaml", "clouds: {prod: {auth: {password: y}}}"); });
  expect_change_by("a clouds.yaml that is preferred", [&] { put("home/.config/openstack/clouds.yml", cloud_of("eva")); });
  put("etc/clouds.yaml", "not used any more");
  expect_change_by("it goes", [&] { std::filesystem::remove(at("home/.config/openstack/clouds.yml")); });
  expect_change_by("no file at all", [&] {
    std::filesystem::remove(at("etc/clouds.yaml"));
    std::filesystem::remove(at("etc/secure.yaml"));
  });
  expect_change_by("a file again", [&] { put("work/clouds.json", cloud_of("uwe")); });
  // As Kubernetes exchanges the files of a secret.
  std::filesystem::create_directories(at("one"));
  std::filesystem::create_directories(at("two"));
  put("one/clouds.yaml", cloud_of("ada"));
  put("two/clouds.yaml", cloud_of("bob"));
  expect_change_by("a link", [&] {
    std::filesystem::create_symlink(at("one"), at("data"));
    std::filesystem::create_symlink(at("data/clouds.yaml"), at("work/clouds.yaml"));
  });
  expect_change_by("where a link leads", [&] {
    std::filesystem::create_symlink(at("two"), at("new"));
    std::filesystem::rename(at("new"), at("data"));
  });
  EXPECT_EQ(read().user.name, "bob");
}

TEST_F(CloudFilesTest, DoNotChangeWhereTheVariablesCount) {
  variables_["OS_TOKEN"] = "t";
  auto clouds = files("");
  (void)clouds.read();
  put("etc/clouds.yaml", kClouds);
  EXPECT_FALSE(clouds.have_changed());
}

TEST(CloudSection, OfAnyBytesIsReadOrRefused) {
  std::mt19937 random(1);
  const std::string letters = "{}[]:,-?&*!|>'\"#%@` \n\tab<0\\clouds: prod";
  const auto pick = [&](std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(random); };
  for (int round = 0; round < 3000; ++round) {
    std::string text = round % 2 == 0 ? kClouds : "";
    for (auto edits = pick(20) + 1; edits > 0; --edits) text.insert(pick(text.size() + 1), 1, letters[pick(letters.size())]);
    const auto found = find_cloud(text, "f", "prod");
    EXPECT_TRUE(found.ok() || found.error().message.starts_with("f:")) << found.error().message;
  }
}

}  // namespace
}  // namespace blockplug::cinder
