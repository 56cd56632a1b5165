// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/daemon/config.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "hotplug/rungs.h"
#include "tests/support/paths.h"

namespace blockplug {
namespace {

Result<Config> parse(const std::string& text) { return parse_config(text, "f.yaml", "Host-1"); }

struct Bad {
  const char* name;
  std::string text;
  std::vector<std::string> lines;  // the whole message
};

void PrintTo(const Bad& row, std::ostream* out) { *out << row.name; }

class BadConfig : public ::testing::TestWithParam<Bad> {};

TEST_P(BadConfig, IsRefusedWithEveryFault) {
  const auto config = parse(GetParam().text);
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().code, Code::InvalidArgument);
  EXPECT_EQ(config.error().effect, Effect::None);
  std::string expected;
  for (const auto& line : GetParam().lines) expected += (expected.empty() ? "" : "\n") + line;
  EXPECT_EQ(config.error().message, expected);
}

const std::string kMustBePath = "; it must be an absolute path, beginning with /";
const std::string kNodeRule = "; a node's name has 1 to 253 of a-z, 0-9, '-' and '.', with a letter or digit at both ends";
const std::string kBackendRule = "; a backend's name has 1 to 63 of a-z, 0-9 and '-', beginning with a letter or digit";
const std::string kDurationRule = "; it must be a whole number and a unit (ms, s, m or h), e.g. 5m, 30s, 500ms";
const std::string kSocketsRule = "; it must be the path of a socket with exactly one {vm}, e.g. /run/vms/{vm}/qmp.sock";
const std::string kListenRule = "; it must be off, or a host and a port, e.g. 127.0.0.1:9808 or [::1]:9808";
const std::string kDriverRule =
    "; a CSI driver's name has 1 to 63 letters, digits, '-' and '.', with a letter or digit at both ends";
const std::string kAllKeys = "known keys: node, role, state_dir, run_dir, csi, kubernetes, metrics, log, resync, vms, backends";

INSTANTIATE_TEST_SUITE_P(
    Config, BadConfig,
    ::testing::Values(
        // keys
        Bad{"UnknownKey", "node: n\nstat_dir: /s\n", {"f.yaml:2: stat_dir: unknown key; did you mean 'state_dir'?"}},
        Bad{"UnknownKeyThatIsLikeNone", "openstack: yes\n", {"f.yaml:1: openstack: unknown key; " + kAllKeys}},
        Bad{"UnknownKeyInASection", "csi:\n  drivers: x\n", {"f.yaml:2: csi.drivers: unknown key; did you mean 'driver'?"}},
        Bad{"UnknownKeyOfABackend",
            "backends:\n  a: {type: local, pth: /p}\n",
            {"f.yaml:2: backends.a.pth: unknown key; did you mean 'path'?"}},
        Bad{"UnprintableKey", "\"a\\nb\": x\n", {"f.yaml:1: a\\x0ab: unknown key; " + kAllKeys}},
        Bad{"KeyTwice", "node: a\nrole: all\nnode: b\n", {"f.yaml:3: node: appears twice, first in line 1; remove one"}},
        Bad{"BackendTwice",
            "backends:\n  a: {type: local, path: /p}\n  a: {type: local, path: /q}\n",
            {"f.yaml:3: backends.a: appears twice, first in line 2; remove one"}},
        Bad{"KeyIsAList", "? [a, b]\n: c\n", {"f.yaml:1: the file: a key must be one word"}},
        Bad{"NoValue", "node:\n", {"f.yaml:1: node: has no value; give it one, or remove the key"}},
        // types
        Bad{"FileIsAWord", "hello\n", {"f.yaml:1: the file: must be a section of keys with values"}},
        Bad{"FileIsAList", "- a\n", {"f.yaml:1: the file: must be a section of keys with values"}},
        Bad{"ValueIsASection", "node: {a: b}\n", {"f.yaml:1: node: must be one value, not a section"}},
        Bad{"ValueIsAList", "run_dir: [/a]\n", {"f.yaml:1: run_dir: must be one value, not a list"}},
        Bad{"SectionIsAValue", "csi: x\n", {"f.yaml:1: csi: must be a section of keys with values"}},
        Bad{"SectionIsAList", "log: [a]\n", {"f.yaml:1: log: must be a section of keys with values"}},
        Bad{"BackendIsAValue", "backends: {a: /p}\n", {"f.yaml:1: backends.a: must be a section of keys with values"}},
        Bad{"BackendsIsAList", "backends: [a]\n", {"f.yaml:1: backends: must be a section of keys with values"}},
        Bad{"TwoDocuments", "node: a\n---\nnode: b\n", {"f.yaml:2: a second YAML document begins; the file may have only one"}},
        // values
        Bad{"NodeWithUnderscore", "node: a_b\n", {"f.yaml:1: node: is 'a_b'" + kNodeRule}},
        Bad{"NodeWithSlash", "node: ../a\n", {"f.yaml:1: node: is '../a'" + kNodeRule}},
        Bad{"NodeEmpty", "node: \"\"\n", {"f.yaml:1: node: is ''" + kNodeRule}},
        Bad{"NodeWithNul", "node: \"a\\0b\"\n", {"f.yaml:1: node: is 'a\\x00b'" + kNodeRule}},
        Bad{"RoleUnknown", "role: master\n", {"f.yaml:1: role: is 'master'; it must be all or node or controller"}},
        Bad{"RoleIsAList", "role: [node]\n", {"f.yaml:1: role: must be one value, not a list"}},
        Bad{"PathRelative", "state_dir: var/lib\n", {"f.yaml:1: state_dir: is 'var/lib'" + kMustBePath}},
        Bad{"PathEmpty", "state_dir: ''\n", {"f.yaml:1: state_dir: is ''" + kMustBePath}},
        Bad{"PathIsRoot", "state_dir: //\n", {"f.yaml:1: state_dir: is '//'; it must be a directory below /"}},
        Bad{"PathGoesUp",
            "state_dir: /a/../b\n",
            {"f.yaml:1: state_dir: is '/a/../b'; it must not contain '..': give the directory itself"}},
        Bad{"PathWithLineBreak",
            "run_dir: \"/a\\nb\"\n",
            {"f.yaml:1: run_dir: is '/a\\x0ab'; a path must not contain control characters"}},
        Bad{"PathWithNul",
            "run_dir: \"/a\\0b\"\n",
            {"f.yaml:1: run_dir: is '/a\\x00b'; a path must not contain control characters"}},
        Bad{"DriverBad", "csi: {driver: -x}\n", {"f.yaml:1: csi.driver: is '-x'" + kDriverRule}},
        Bad{"EndpointOverTcp",
            "csi: {endpoint: \"tcp://0.0.0.0:10000\"}\n",
            {"f.yaml:1: csi.endpoint: is 'tcp://0.0.0.0:10000'; this version serves CSI on a unix socket only, e.g. "
             "unix:///run/blockplug/csi.sock"}},
        Bad{"EndpointWithoutScheme",
            "csi: {endpoint: /run/csi.sock}\n",
            {"f.yaml:1: csi.endpoint: is '/run/csi.sock'; it must be off, or unix:// and the path of a socket"}},
        Bad{"EndpointTooLong",
            "csi: {endpoint: \"unix:///" + std::string(120, 'x') + "\"}\n",
            {"f.yaml:1: csi.endpoint: '/" + std::string(63, 'x') +
             "...' has 121 bytes, but a socket path may have at most 107; use a shorter path"}},
        Bad{"VmIdOfNoPod",
            "csi: {vm_id: \"web\"}\n",
            {"f.yaml:1: csi.vm_id: is 'web'; it must have {pod.uid}, {pod.namespace}.{pod.name} or {pod.namespace}_{pod.name}: "
             "else two pods may have one VM"}},
        Bad{"VmIdOfANameAlone",
            "csi: {vm_id: \"{pod.name}\"}\n",
            {"f.yaml:1: csi.vm_id: is '{pod.name}'; it must have {pod.uid}, {pod.namespace}.{pod.name} or "
             "{pod.namespace}_{pod.name}: "
             "else two pods may have one VM"}},
        Bad{"VmIdThatTwoPodsMayHave",
            "csi: {vm_id: \"{pod.namespace}-{pod.name}\"}\n",
            {"f.yaml:1: csi.vm_id: is '{pod.namespace}-{pod.name}'; it must have {pod.uid}, {pod.namespace}.{pod.name} or "
             "{pod.namespace}_{pod.name}: "
             "else two pods may have one VM"}},
        Bad{"VmIdThatIsNone",
            "csi: {vm_id: \"{pod.uid}/{pod.ip}\"}\n",
            {"f.yaml:1: csi.vm_id: is '{pod.uid}/{pod.ip}'; a VM's id is made of letters, digits, '.', '_', '-', {pod.uid}, "
             "{pod.name} and {pod.namespace}"}},
        Bad{"ApiServerWithoutTls",
            "kubernetes: {api_server: \"http://10.96.0.1:443\"}\n",
            {"f.yaml:1: kubernetes.api_server: is 'http://10.96.0.1:443'; it must be off, pod (as a pod finds it), or https:// "
             "with a "
             "host and a port, e.g. https://10.96.0.1:443"}},
        Bad{"KubeletDirRelative", "csi: {kubelet_dir: k}\n", {"f.yaml:1: csi.kubelet_dir: is 'k'" + kMustBePath}},
        Bad{"ListenOfALaterVersion",
            "metrics: {listen: \"192.0.2.1:9808\"}\n",
            {"f.yaml:1: metrics.listen: is '192.0.2.1:9808'; this version serves metrics on loopback only, e.g. at "
             "127.0.0.1:9808"}},
        Bad{"ListenAtANameThatLooksLikeLoopback",
            "metrics: {listen: \"127.0.0.1.example:9808\"}\n",
            {"f.yaml:1: metrics.listen: is '127.0.0.1.example:9808'; this version serves metrics on loopback only, e.g. at "
             "127.0.0.1:9808"}},
        Bad{"ListenWithoutPort", "metrics: {listen: localhost}\n", {"f.yaml:1: metrics.listen: is 'localhost'" + kListenRule}},
        Bad{"ListenPortTooBig", "metrics: {listen: \"a:65536\"}\n", {"f.yaml:1: metrics.listen: is 'a:65536'" + kListenRule}},
        Bad{"ListenPortZero", "metrics: {listen: \"a:0\"}\n", {"f.yaml:1: metrics.listen: is 'a:0'" + kListenRule}},
        Bad{"ListenPortNoNumber", "metrics: {listen: \"a:1x\"}\n", {"f.yaml:1: metrics.listen: is 'a:1x'" + kListenRule}},
        Bad{"ListenHostBad", "metrics: {listen: \"::1:80\"}\n", {"f.yaml:1: metrics.listen: is '::1:80'" + kListenRule}},
        Bad{"LevelUnknown",
            "log: {level: loud}\n",
            {"f.yaml:1: log.level: is 'loud'; it must be debug or info or warning or error"}},
        Bad{"FormatUnknown", "log: {format: xml}\n", {"f.yaml:1: log.format: is 'xml'; it must be text or json"}},
        Bad{"ResyncWithoutUnit", "resync: 5\n", {"f.yaml:1: resync: is '5'" + kDurationRule}},
        Bad{"ResyncNegative", "resync: -5m\n", {"f.yaml:1: resync: is '-5m'" + kDurationRule}},
        Bad{"ResyncFraction", "resync: 1.5m\n", {"f.yaml:1: resync: is '1.5m'" + kDurationRule}},
        Bad{"ResyncUnknownUnit", "resync: 5min\n", {"f.yaml:1: resync: is '5min'" + kDurationRule}},
        Bad{"ResyncUnitAlone", "resync: m\n", {"f.yaml:1: resync: is 'm'" + kDurationRule}},
        Bad{"ResyncZero", "resync: 0s\n", {"f.yaml:1: resync: is '0s'; it must be from 100ms to 24h"}},
        Bad{"ResyncTooLong", "resync: 25h\n", {"f.yaml:1: resync: is '25h'; it must be from 100ms to 24h"}},
        Bad{"ResyncBeyondIntegers",
            "resync: 99999999999999999999h\n",
            {"f.yaml:1: resync: is '99999999999999999999h'; it must be from 100ms to 24h"}},
        Bad{"SocketsRelative", "vms: {sockets: \"a/{vm}\"}\n", {"f.yaml:1: vms.sockets: is 'a/{vm}'" + kMustBePath}},
        Bad{"SocketsWithoutVm", "vms: {sockets: /a/b}\n", {"f.yaml:1: vms.sockets: is '/a/b'" + kSocketsRule}},
        Bad{"SocketsWithTwoVms", "vms: {sockets: \"/{vm}/{vm}\"}\n", {"f.yaml:1: vms.sockets: is '/{vm}/{vm}'" + kSocketsRule}},
        Bad{"SocketsTooLong",
            "vms: {sockets: \"/" + std::string(107, 'a') + "{vm}\"}\n",
            {"f.yaml:1: vms.sockets: is '/" + std::string(63, 'a') +
             "...'; it is too long: a VM's socket path must fit into 107 bytes; use a shorter one"}},
        // backends
        Bad{"NoBackend",
            "backends: {}\n",
            {"f.yaml:1: backends: is empty; configure one, e.g. local: {type: local, path: /var/lib/blockplug/volumes}"}},
        Bad{"BackendNameWithDot", "backends: {a.b: {type: local, path: /p}}\n", {"f.yaml:1: backends: 'a.b'" + kBackendRule}},
        Bad{"BackendNameWithSlash", "backends: {a/b: {type: local, path: /p}}\n", {"f.yaml:1: backends: 'a/b'" + kBackendRule}},
        Bad{"BackendNameTooLong",
            "backends:\n  " + std::string(64, 'a') + ": {type: local, path: /p}\n",
            {"f.yaml:2: backends: '" + std::string(64, 'a') + "'" + kBackendRule}},
        Bad{"BackendWithoutType", "backends:\n  a: {path: /p}\n", {"f.yaml:2: backends.a: has no type; add type: local"}},
        Bad{"BackendWithoutPath",
            "backends:\n  a: {type: local}\n",
            {"f.yaml:2: backends.a: has no path; add path: /a/directory/for/its/volumes"}},
        Bad{"BackendPathRelative", "backends: {a: {type: local, path: p}}\n", {"f.yaml:1: backends.a.path: is 'p'" + kMustBePath}},
        Bad{"BackendTypeUnknown",
            "backends: {a: {type: nfs, path: /p}}\n",
            {"f.yaml:1: backends.a.type: is 'nfs'; it must be local or rbd or cinder"}},
        Bad{"BackendTypeIsAList",
            "backends: {a: {type: [local], path: /p}}\n",
            {"f.yaml:1: backends.a.type: must be one value, not a list"}},
        Bad{"CinderWithoutAnyCeph",
            "backends:\n  cinder: {type: cinder, cloud: prod}\n",
            {"f.yaml: backends.cinder.ceph: is missing; it must be the name of a backend of type rbd, which is to be added: its "
             "connection "
             "reaches the volumes' Ceph"}},
        Bad{"CinderWithAnotherCeph",
            "backends:\n  c: {type: rbd, user: u, pool: p}\n  cinder: {type: cinder, cloud: prod, ceph: d}\n",
            {"f.yaml:3: backends.cinder.ceph: is 'd'; it must be c"}},
        Bad{"CinderWithTwoCephs",
            "backends:\n  c: {type: rbd, user: u, pool: p}\n  d: {type: rbd, user: u, pool: q}\n  cinder: {type: cinder}\n",
            {"f.yaml: backends.cinder.ceph: is missing; it must be c or d"}},
        Bad{"RbdWithoutUser",
            "backends:\n  c: {type: rbd, pool: p}\n",
            {"f.yaml:2: backends.c: has no user; add user: blockplug (client.blockplug in Ceph)"}},
        Bad{"RbdWithoutPool", "backends:\n  c: {type: rbd, user: u}\n", {"f.yaml:2: backends.c: has no pool; add pool: volumes"}},
        Bad{"RbdWithWrongWords",
            "backends:\n  c:\n    type: rbd\n    user: client.u\n    pool: 'a,secret=b'\n    mapper: nbd\n    monitors: [mon1, "
            "192.0.2.2:0]\n"
            "    osd_op_timeout: soon\n    name_space: x\n",
            {"f.yaml:4: backends.c.user: is 'client.u'; give the user without 'client.'",
             "f.yaml:5: backends.c.pool: is 'a,secret=b'; it must have 1 to 128 letters, digits, '-', '_' and '.', and "
             "must not begin with '-'",
             "f.yaml:6: backends.c.mapper: is 'nbd'; it must be auto or krbd or fuse",
             "f.yaml:7: backends.c.monitors: is 'mon1'; a monitor is an IP address with an optional port, e.g. 192.0.2.2:3300 or "
             "[2001:db8::2]:3300",
             "f.yaml:7: backends.c.monitors: is '192.0.2.2:0'; a monitor is an IP address with an optional port, e.g. "
             "192.0.2.2:3300 or [2001:db8::2]:3300",
             "f.yaml:8: backends.c.osd_op_timeout: is 'soon'" + kDurationRule,
             "f.yaml:9: backends.c.name_space: unknown key; did you mean 'namespace'?"}},
        Bad{"RbdFeatureUnknown",
            "backends:\n  c: {type: rbd, user: u, pool: p, features: [layering, data-pool]}\n",
            {"f.yaml:2: backends.c.features: 'data-pool' is not a feature of new images; choose from layering, exclusive-lock, "
             "object-map, "
             "fast-diff, deep-flatten, journaling"}},
        Bad{"RbdFeatureNeedsAnother",
            "backends:\n  c: {type: rbd, user: u, pool: p, features: [layering, object-map]}\n",
            {"f.yaml:2: backends.c.features: object-map requires exclusive-lock: add it, or remove object-map"}},
        // several values together
        Bad{"SocketDoesNotFit",
            "run_dir: /" + std::string(96, 'a') + "\n",
            {"f.yaml:1: run_dir: '/" + std::string(63, 'a') +
             "...' has 108 bytes, but a socket path may have at most 107; use a shorter directory"}},
        Bad{"VolumesInTheStateDirectory",
            "state_dir: /s\nbackends:\n  a:\n    type: local\n    path: /s/\n",
            {"f.yaml:5: backends.a.path: is the state_dir as well; volumes need a directory of their own"}},
        Bad{"EverythingAtOnce",
            "nod: a\nresync: x\nbackends:\n  a: {type: local, path: p}\n  b: {typ: local}\nlog: {level: x}\nrun_dir: /" +
                std::string(96, 'a') + "\n",
            {"f.yaml:1: nod: unknown key; did you mean 'node'?", "f.yaml:2: resync: is 'x'" + kDurationRule,
             "f.yaml:4: backends.a.path: is 'p'" + kMustBePath, "f.yaml:5: backends.b: has no type; add type: local",
             "f.yaml:6: log.level: is 'x'; it must be debug or info or warning or error",
             "f.yaml:7: run_dir: '/" + std::string(63, 'a') +
                 "...' has 108 bytes, but a socket path may have at most 107; use a shorter directory"}}),
    [](const auto& row) { return row.param.name; });

TEST(Config, SaysWhereTheTextIsNoYaml) {
  for (const auto* text : {"a: [b\n", "node: [a}\n", "node: a\n  b: c\n", "node: *nothing\n", "node: \"\\q\"\n"}) {
    const auto config = parse(text);
    ASSERT_FALSE(config.ok()) << text;
    EXPECT_NE(config.error().message.find("f.yaml:"), std::string::npos) << config.error().message;
    EXPECT_NE(config.error().message.find("not YAML: "), std::string::npos) << config.error().message;
  }
  EXPECT_FALSE(parse(std::string(100'000, '[')).ok());  // its depth is bounded
}

BackendConfig local(const std::string& path) { return {"local", {{"path", {path}}}}; }

// With the defaults of the keys that are not given.
BackendConfig rbd(std::map<std::string, std::vector<std::string>> keys) {
  keys.merge(std::map<std::string, std::vector<std::string>>{
      {"conf", {"/etc/ceph/ceph.conf"}}, {"mapper", {"auto"}}, {"osd_op_timeout", {"0"}}});
  return {"rbd", std::move(keys)};
}

TEST(Config, RefusesWhatIsNoText) {
  for (const auto* path : {"/a\xa1", "/a\xff\xff", "\"/a\\uFFFE\"", "/\xed\xa0\x80"}) {
    const auto config = parse(std::string("vms:\n  sockets: ") + path + "\nbackends: {b: {type: local, path: " + path + "}}\n");
    ASSERT_FALSE(config.ok()) << path;
    EXPECT_TRUE(config.error().message.starts_with("f.yaml:2: vms.sockets: is '")) << config.error().message;
    EXPECT_NE(config.error().message.find("\nf.yaml:3: backends.b.path: is '"), std::string::npos) << config.error().message;
    EXPECT_TRUE(config.error().message.ends_with("; it must be text in UTF-8")) << config.error().message;
  }
}

TEST(Config, HasARole) {
  EXPECT_EQ(parse("")->role, Role::All);
  for (const auto role : {Role::All, Role::Node, Role::Controller}) {
    const auto config = parse(std::string("role: ") + to_text(role) + "\n");
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->role, role);
  }
}

TEST(Config, HasADefaultForEverything) {
  for (const auto* text : {"", "\n", "# nothing\n", "---\n", "~\n"}) {
    const auto config = parse(text);
    ASSERT_TRUE(config.ok()) << config.error().message;
    Config expected;
    expected.node = "host-1";
    EXPECT_EQ(*config, expected) << text;
    EXPECT_EQ(config->backends.at("local").one("path"), "/var/lib/blockplug/volumes");
  }
}

TEST(Config, ReadsEveryKey) {
  const auto config = parse(R"(
node: node-1.example
role: all
state_dir: /s/
run_dir: //r//x/.
csi: {driver: My.driver-1, kubelet_dir: /k, vm_id: "x-{pod.namespace}.{pod.name}"}
kubernetes: {api_server: "https://[2001:db8::1]:443", token_file: /t, ca_file: /c}
metrics: {listen: off}
log: {level: debug, format: json}
resync: 500ms
vms: {sockets: "/v/vm-{vm}.sock"}
backends:
  local: {type: local, path: /a}
  2nd-one: {path: "/b c/ü", type: local}
  ceph: {type: rbd, user: blockplug, pool: volumes}
  far:
    type: rbd
    conf: /c
    user: u
    pool: p.1
    namespace: n_s
    data_pool: d-p
    keyring: /k
    monitors: [192.0.2.2, "[2001:db8::2]:3300"]
    features: [layering, exclusive-lock]
    mapper: fuse
    storage_daemon_launcher: /run/blockplug/launcher.sock
    osd_op_timeout: 30s
)");
  ASSERT_TRUE(config.ok()) << config.error().message;
  Config expected{.node = "node-1.example",
                  .role = Role::All,
                  .state_dir = "/s",
                  .run_dir = "/r/x",
                  .csi = {"My.driver-1", "/r/x/csi.sock", "/k", "x-{pod.namespace}.{pod.name}"},
                  .kubernetes = {"https://[2001:db8::1]:443", "/t", "/c"},
                  .metrics = {"off"},
                  .log = {Level::Debug, LogFormat::Json},
                  .resync = std::chrono::milliseconds(500),
                  .vms = {"/v/vm-{vm}.sock"},
                  .backends = {{"local", local("/a")},
                               {"2nd-one", local("/b c/ü")},
                               {"ceph", rbd({{"user", {"blockplug"}}, {"pool", {"volumes"}}})},
                               {"far", rbd({{"conf", {"/c"}},
                                            {"user", {"u"}},
                                            {"pool", {"p.1"}},
                                            {"namespace", {"n_s"}},
                                            {"data_pool", {"d-p"}},
                                            {"keyring", {"/k"}},
                                            {"monitors", {"192.0.2.2", "[2001:db8::2]:3300"}},
                                            {"features", {"layering", "exclusive-lock"}},
                                            {"mapper", {"fuse"}},
                                            {"storage_daemon_launcher", {"/run/blockplug/launcher.sock"}},
                                            {"osd_op_timeout", {"30s"}}})}}};
  EXPECT_EQ(*config, expected);
  EXPECT_EQ(config->admin_socket(), "/r/x/admin.sock");
}

TEST(Config, ReadsEveryUnitOfTime) {
  using namespace std::chrono_literals;
  const std::pair<const char*, std::chrono::milliseconds> rows[] = {
      {"100ms", 100ms}, {"30s", 30s}, {"5m", 5min}, {"24h", 24h}, {"0090s", 90s}};
  for (const auto& [text, expected] : rows) {
    const auto config = parse(std::string("resync: ") + text);
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->resync, expected) << text;
  }
}

TEST(Config, AsksForANodeWhereTheHostNameIsNone) {
  const auto config = parse_config("role: all\n", "f.yaml", "my_host");
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().message,
            "f.yaml: node: is missing, and the host name 'my_host' is not a valid node name; add node: a-name");
  EXPECT_TRUE(parse_config("node: a\n", "f.yaml", "my_host").ok());
  EXPECT_FALSE(default_config("my_host").ok());
}

TEST(Config, FitsTheLongestSocketThatFits) { EXPECT_TRUE(parse("run_dir: /" + std::string(95, 'a') + "\n").ok()); }

TEST(Config, PrintsWhatItReadsBack) {
  Config config;
  config.node = "5";
  config.state_dir = "/a: b";
  config.run_dir = "/off #1";
  config.csi = {"a.b", "/k'\"\\"};
  config.log = {Level::Warning, LogFormat::Json};
  config.vms.sockets = "/a,b/[{vm}]";
  config.resync = std::chrono::milliseconds(1500);
  config.backends = {{"null", local("/~")},
                     {"b", local("/ü")},
                     {"c", rbd({{"conf", {"/c, d"}}, {"user", {"1"}}, {"pool", {"null"}}})},
                     {"d", rbd({{"user", {"u"}},
                                {"pool", {"p"}},
                                {"namespace", {"off"}},
                                {"data_pool", {"x"}},
                                {"keyring", {"/k:1"}},
                                {"monitors", {"[::1]", "192.0.2.1:1"}},
                                {"features", {"layering"}},
                                {"mapper", {"krbd"}},
                                {"osd_op_timeout", {"1500ms"}}})}};
  config.role = Role::Controller;
  std::vector<RungPlan> rungs(1);
  rungs[0].kind = rungs::kHold;
  rungs[0].raise_limit = std::chrono::seconds(45);
  rungs[0].lower_limit = std::chrono::milliseconds(1);
  rungs[0].probe_limit = std::chrono::minutes(10);
  const auto text = to_yaml(config, rungs);
  EXPECT_NE(text.find("#   hold: 45s, 1ms, 10m\n"), std::string::npos) << text;
  const auto again = parse(text);
  ASSERT_TRUE(again.ok()) << text << again.error().message;
  EXPECT_EQ(*again, config) << text;
}

class ConfigFile : public ::testing::Test {
 protected:
  ConfigFile() {
    std::string pattern = ::testing::TempDir() + "config.XXXXXX";
    directory = ::mkdtemp(pattern.data());
  }
  ~ConfigFile() override { std::filesystem::remove_all(directory); }
  std::string write(const std::string& text) const {
    std::ofstream(directory + "/f.yaml", std::ios::binary) << text;
    return directory + "/f.yaml";
  }
  std::string directory;
};

TEST_F(ConfigFile, MayBeMissingAtTheDefaultPathOnly) {
  const auto missing = directory + "/none.yaml";
  const auto defaults = load_config(std::nullopt, missing);
  if (defaults.ok())
    EXPECT_TRUE(defaults->backends.contains("local"));
  else
    EXPECT_NE(defaults.error().message.find("host name"), std::string::npos) << defaults.error().message;
  const auto given = load_config(missing);
  ASSERT_FALSE(given.ok());
  EXPECT_EQ(given.error().code, Code::NotFound);
  EXPECT_EQ(given.error().message, "configuration " + missing + ": cannot be read: No such file or directory");
}

TEST_F(ConfigFile, IsReadFromTheDefaultPathWhereItIs) {
  const auto config = load_config(std::nullopt, write("node: from-file\n"));
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->node, "from-file");
}

TEST_F(ConfigFile, OfTheManifestsIsValid) {
  for (const std::string file :
       {"local/blockplugd", "ceph/controller-config", "ceph/node-config", "cinder/controller-config", "cinder/node-config"}) {
    const auto config =
        load_config(blockplug::testing::source_path("volume-plugin/deploy/kubernetes/" + file + ".yaml"), {}, "node-1");
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->role, file == "local/blockplugd" ? Role::All : file.ends_with("node-config") ? Role::Node : Role::Controller);
  }
}

TEST_F(ConfigFile, GivesWayToTheNodeOfTheCommandLine) {
  const auto config = load_config(write("node: from-file\n"), {}, "from-pod.example");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->node, "from-pod.example");
  const auto refused = load_config(write("node: from-file\n"), {}, "$(NODE_NAME)");
  ASSERT_FALSE(refused.ok());
  EXPECT_TRUE(refused.error().message.starts_with("--node '$(NODE_NAME)': ")) << refused.error().message;
}

TEST_F(ConfigFile, IsRefusedWhereItIsNoConfiguration) {
  const auto of_directory = load_config(directory);
  ASSERT_FALSE(of_directory.ok());
  EXPECT_EQ(of_directory.error().message, "configuration " + directory + ": cannot be read: Is a directory");
  const auto too_large = load_config(write(std::string((1 << 20) + 1, '#')));
  ASSERT_FALSE(too_large.ok());
  EXPECT_NE(too_large.error().message.find("larger than 1 MiB"), std::string::npos);
  const auto path = write("nod: x\n");
  const auto wrong = load_config(path);
  ASSERT_FALSE(wrong.ok());
  EXPECT_TRUE(wrong.error().message.starts_with(path + ":1: nod: unknown key")) << wrong.error().message;
}

TEST_F(ConfigFile, OfAnyBytesIsReadOrRefused) {
  std::string bytes;
  unsigned state = 1;
  for (int round = 0; round < 300; ++round) {
    bytes.clear();
    for (int at = 0; at < 60; ++at) {
      state = state * 1664525U + 1013904223U;
      bytes += round % 2 == 0 ? static_cast<char>(state >> 24U) : "a:{}[]\n -#&*!|>'\"%@`?,/~"[(state >> 24U) % 24];
    }
    (void)load_config(write(bytes));
  }
}

}  // namespace
}  // namespace blockplug
