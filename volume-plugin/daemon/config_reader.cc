// SPDX-License-Identifier: Apache-2.0
// parse_config: YAML to Config. Goes on after a fault, so that one run reports all of them.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <functional>
#include <sstream>

#include "attach-detach/printable.h"
#include "hotplug/vm/socket_pattern.h"
#include "volume-plugin/daemon/config.h"
#include "volume-plugin/daemon/config_values.h"

namespace blockplug {
namespace {

constexpr std::size_t kMostSocketBytes = 107;  // sockaddr_un, without the final NUL

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

// Where a second document begins, if there is one. (YAML::LoadAll of yaml-cpp 0.7 never returns on some garbage behind the first.)
class SecondDocument : public YAML::EventHandler {
 public:
  static std::optional<YAML::Mark> in(const std::string& text) {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    SecondDocument documents;
    if (!parser.HandleNextDocument(documents) || !parser.HandleNextDocument(documents)) return std::nullopt;
    return documents.begun_;
  }
  void OnDocumentStart(const YAML::Mark& mark) override { begun_ = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  YAML::Mark begun_;
};

class Reader {
 public:
  Reader(std::string file, const BackendKinds& kinds) : file_(std::move(file)), kinds_(kinds) {}
  Result<Config> read(std::string_view text, const std::string& host_name);

 private:
  using ReadValue = std::function<void(const YAML::Node&, const std::string& key)>;
  struct Field {
    std::string name;
    ReadValue read;
  };

  void add(const YAML::Mark& mark, const std::string& what) { add(mark.is_null() ? 0 : mark.line + 1, what); }
  void add(int line, const std::string& what) { faults_.emplace_back(line, what); }
  Error all_faults();

  ReadValue text(std::function<Status(const std::string&)> take);
  ReadValue section(std::vector<Field> fields);
  void read_section(const YAML::Node& node, const std::string& key, const std::vector<Field>& fields);
  void each_pair(const YAML::Node& node, const std::string& key,
                 const std::function<void(const YAML::Node&, const YAML::Node&)>& visit);
  std::vector<Field> fields();
  ReadValue path(std::string& into);
  void read_backends(const YAML::Node& node);
  void read_backend(const std::string& name, const YAML::Node& node);
  ReadValue check_type();
  void read_keys(const BackendKind& kind, const std::string& name, const YAML::Node& node);
  ReadValue values(const BackendKey& key, std::vector<std::string>& into);
  void check_socket(const std::string& key, const std::string& path, const std::string& what_to_do);
  void check_whole(const std::string& host_name);

  std::string file_;
  const BackendKinds& kinds_;
  Config config_;
  std::map<std::string, int> lines_;  // line of each key in the file
  std::vector<std::pair<int, std::string>> faults_;
};

Status one_of(const std::string& text, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), text) != known.end()) return Ok{};
  std::string words;
  for (const auto& word : known) words += (words.empty() ? "" : " or ") + word;
  return no_effect(Code::InvalidArgument, "it must be " + words);
}

// Whether YAML keeps it: yaml-cpp writes U+FFFD for bytes that are not UTF-8 and for Unicode's noncharacters.
bool is_text(const std::string& value) {
  YAML::Emitter out;
  out << YAML::DoubleQuoted << value;
  return YAML::Load(out.c_str()).Scalar() == value;
}

Reader::ReadValue Reader::text(std::function<Status(const std::string&)> take) {
  return [this, take = std::move(take)](const YAML::Node& node, const std::string& key) {
    if (!node.IsScalar()) return add(node.Mark(), key + ": must be one value, not a " + (node.IsMap() ? "section" : "list"));
    if (!is_text(node.Scalar())) return add(node.Mark(), key + ": is '" + printable(node.Scalar()) + "'; it must be text in UTF-8");
    if (auto taken = take(node.Scalar()); !taken.ok())
      add(node.Mark(), key + ": is '" + printable(node.Scalar()) + "'; " + taken.error().message);
  };
}

Reader::ReadValue Reader::path(std::string& into) {
  return text([&into](const std::string& value) -> Status {
    into = TRY(parse_path(value));
    return Ok{};
  });
}

Reader::ReadValue Reader::section(std::vector<Field> fields) {
  return [this, fields = std::move(fields)](const YAML::Node& node, const std::string& key) { read_section(node, key, fields); };
}

void Reader::each_pair(const YAML::Node& node, const std::string& key,
                       const std::function<void(const YAML::Node&, const YAML::Node&)>& visit) {
  if (!node.IsMap()) return add(node.Mark(), (key.empty() ? "the file" : key) + ": must be a section of keys with values");
  std::map<std::string, int> seen;
  for (const auto& pair : node) {
    if (!pair.first.IsScalar()) {
      add(pair.first.Mark(), (key.empty() ? "the file" : key) + ": a key must be one word");
      continue;
    }
    const auto [first, is_new] = seen.emplace(pair.first.Scalar(), pair.first.Mark().line + 1);
    const auto full = (key.empty() ? "" : key + ".") + printable(pair.first.Scalar());
    if (!is_new)
      add(pair.first.Mark(), full + ": appears twice, first in line " + std::to_string(first->second) + "; remove one");
    else if (pair.second.IsNull())
      add(pair.first.Mark(), full + ": has no value; give it one, or remove the key");
    else
      visit(pair.first, pair.second);
  }
}

void Reader::read_section(const YAML::Node& node, const std::string& key, const std::vector<Field>& fields) {
  each_pair(node, key, [&](const YAML::Node& name, const YAML::Node& value) {
    const auto field = std::find_if(fields.begin(), fields.end(), [&](const Field& known) { return known.name == name.Scalar(); });
    const auto full = (key.empty() ? "" : key + ".") + printable(name.Scalar());
    if (field != fields.end()) {
      lines_[full] = name.Mark().line + 1;
      return field->read(value, full);
    }
    std::vector<std::string> known;
    for (const auto& each : fields) known.push_back(each.name);
    add(name.Mark(), full + ": unknown key; " + suggestion_for(name.Scalar(), known));
  });
}

std::vector<Reader::Field> Reader::fields() {
  const auto level = text([this](const std::string& value) -> Status {
    TRY(one_of(value, {"debug", "info", "warning", "error"}));
    config_.log.level = value == "debug"     ? Level::Debug
                        : value == "info"    ? Level::Info
                        : value == "warning" ? Level::Warning
                                             : Level::Error;
    return Ok{};
  });
  const auto format = text([this](const std::string& value) -> Status {
    TRY(one_of(value, {"text", "json"}));
    config_.log.format = value == "json" ? LogFormat::Json : LogFormat::Text;
    return Ok{};
  });
  const auto node = text([this](const std::string& value) {
    config_.node = value;
    return check_node_name(value);
  });
  const auto role = text([this](const std::string& value) -> Status {
    TRY(one_of(value, {"all", "node", "controller"}));
    config_.role = value == "node" ? Role::Node : value == "controller" ? Role::Controller : Role::All;
    return Ok{};
  });
  const auto listen = text([this](const std::string& value) -> Status {
    config_.metrics.listen = value;
    if (value == "off") return Ok{};
    TRY(check_listen_address(value));
    if (is_on_loopback(value)) return Ok{};
    return no_effect(Code::Unimplemented, "this version serves metrics on loopback only, e.g. at 127.0.0.1:9808");
  });
  const auto driver = text([this](const std::string& value) {
    config_.csi.driver = value;
    return check_driver_name(value);
  });
  const auto endpoint = text([this](const std::string& value) -> Status {
    constexpr std::string_view kUnix = "unix://";
    if (value == "off") return config_.csi.socket = value, Ok{};
    if (value.starts_with("tcp://") || value.starts_with("dns:"))
      return no_effect(Code::Unimplemented, "this version serves CSI on a unix socket only, e.g. unix:///run/blockplug/csi.sock");
    if (!value.starts_with(kUnix)) return no_effect(Code::InvalidArgument, "it must be off, or unix:// and the path of a socket");
    config_.csi.socket = TRY(parse_path(value.substr(kUnix.size())));
    return Ok{};
  });
  const auto vm_id = text([this](const std::string& value) {
    config_.csi.vm_id = value;
    return check_vm_pattern(value);
  });
  const auto api_server = text([this](const std::string& value) -> Status {
    config_.kubernetes.api_server = value;
    return check_api_server(value);
  });
  const auto resync = text([this](const std::string& value) -> Status {
    config_.resync = TRY(parse_duration(value));
    return Ok{};
  });
  const auto sockets = text([this](const std::string& value) -> Status {
    config_.vms.sockets = TRY(parse_path(value));
    const auto pattern = SocketPattern::parse(config_.vms.sockets);
    if (!pattern.ok())
      return no_effect(Code::InvalidArgument,
                       "it must be the path of a socket with exactly one {vm}, e.g. " + Config::Vms{}.sockets);
    if (pattern->path_of("x").size() > kMostSocketBytes)
      return no_effect(Code::InvalidArgument, "it is too long: a VM's socket path must fit into " +
                                                  std::to_string(kMostSocketBytes) + " bytes; use a shorter one");
    return Ok{};
  });
  const auto backends = [this](const YAML::Node& value, const std::string&) { read_backends(value); };
  return {{"node", node},
          {"role", role},
          {"state_dir", path(config_.state_dir)},
          {"run_dir", path(config_.run_dir)},
          {"csi",
           section({{"driver", driver}, {"endpoint", endpoint}, {"kubelet_dir", path(config_.csi.kubelet_dir)}, {"vm_id", vm_id}})},
          {"kubernetes", section({{"api_server", api_server},
                                  {"token_file", path(config_.kubernetes.token_file)},
                                  {"ca_file", path(config_.kubernetes.ca_file)}})},
          {"metrics", section({{"listen", listen}})},
          {"log", section({{"level", level}, {"format", format}})},
          {"resync", resync},
          {"vms", section({{"sockets", sockets}})},
          {"backends", backends}};
}

void Reader::read_backends(const YAML::Node& node) {
  config_.backends.clear();
  const auto before = faults_.size();
  each_pair(node, "backends", [this](const YAML::Node& name, const YAML::Node& value) {
    if (auto checked = check_backend_name(name.Scalar()); !checked.ok())
      return add(name.Mark(), "backends: '" + printable(name.Scalar()) + "'; " + checked.error().message);
    read_backend(name.Scalar(), value);
  });
  if (config_.backends.empty() && faults_.size() == before)
    add(node.Mark(), "backends: is empty; configure one, e.g. local: {type: local, path: /var/lib/blockplug/volumes}");
}

void Reader::read_backend(const std::string& name, const YAML::Node& node) {
  const auto key = "backends." + name;
  const auto type = node.IsMap() ? node["type"] : YAML::Node();
  if (!node.IsMap()) return read_section(node, key, {});  // says what it must be
  if (!type.IsDefined()) return add(node.Mark(), key + ": has no type; add type: local");
  const auto* kind = type.IsScalar() ? find_kind(kinds_, type.Scalar()) : nullptr;
  if (kind == nullptr) return check_type()(type, key + ".type");  // its other keys are that type's
  read_keys(*kind, name, node);
}

Reader::ReadValue Reader::check_type() {
  return text([this](const std::string& value) {
    std::vector<std::string> known;
    for (const auto& kind : kinds_) known.push_back(kind.type);
    return one_of(value, known);
  });
}

// A list of values, or one.
Reader::ReadValue Reader::values(const BackendKey& key, std::vector<std::string>& into) {
  const auto one = text([&key, &into](const std::string& value) -> Status {
    into.push_back(TRY(key.read(value)));
    return Ok{};
  });
  return [one, is_list = key.is_list](const YAML::Node& node, const std::string& full) {
    if (!is_list || !node.IsSequence()) return one(node, full);
    for (const auto& each : node) one(each, full);
  };
}

void Reader::read_keys(const BackendKind& kind, const std::string& name, const YAML::Node& node) {
  const auto section = "backends." + name;
  std::map<std::string, std::vector<std::string>> given;
  std::vector<Field> fields{{"type", check_type()}};
  for (const auto& key : kind.keys) fields.push_back({key.name, values(key, given[key.name])});
  const auto before = faults_.size();
  read_section(node, section, fields);
  BackendConfig config{kind.type};
  for (const auto& key : kind.keys) {
    auto& found = given[key.name].empty() ? key.otherwise : given[key.name];
    if (found.empty() && !key.if_missing.empty() && faults_.size() == before) add(node.Mark(), section + ": " + key.if_missing);
    if (found.empty()) continue;
    const auto checked = key.check_all && faults_.size() == before ? key.check_all(found) : Status(Ok{});
    if (!checked.ok()) add(lines_[section + "." + key.name], section + "." + key.name + ": " + checked.error().message);
    config.keys[key.name] = found;
  }
  config_.backends.emplace(name, std::move(config));
}

void Reader::check_socket(const std::string& key, const std::string& path, const std::string& what_to_do) {
  if (path.size() <= kMostSocketBytes) return;
  add(lines_[key], key + ": '" + printable(path) + "' has " + std::to_string(path.size()) +
                       " bytes, but a socket path may have at most " + std::to_string(kMostSocketBytes) + "; " + what_to_do);
}

// Faults of several values together, and of what is missing from the file.
void Reader::check_whole(const std::string& host_name) {
  if (!lines_.contains("csi.endpoint")) config_.csi.socket = config_.run_dir + "/csi.sock";
  if (!lines_.contains("node")) {
    config_.node = lower_case(host_name);
    if (!check_node_name(config_.node).ok())
      add(0, "node: is missing, and the host name '" + printable(host_name) + "' is not a valid node name; add node: a-name");
  }
  check_socket("run_dir", config_.admin_socket(), "use a shorter directory");
  if (config_.has_csi() && lines_.contains("csi.endpoint")) check_socket("csi.endpoint", config_.csi.socket, "use a shorter path");
  if (config_.has_csi())
    check_socket("csi.kubelet_dir", config_.registration_socket(), "use a shorter directory, or csi.endpoint: off");
  for (const auto& [name, backend] : config_.backends) {
    const auto* kind = find_kind(kinds_, backend.type);
    if (kind == nullptr) continue;
    if (const auto fault = kind->check_among ? kind->check_among(backend, config_.backends) : std::nullopt)
      add(lines_["backends." + name + "." + fault->first], "backends." + name + "." + fault->first + ": " + fault->second);
    if (kind->directory_key.empty()) continue;
    const auto& key = kind->directory_key;
    const auto volumes = backend.one(key);
    for (const auto& [what, directory] : {std::pair("state_dir", config_.state_dir), std::pair("run_dir", config_.run_dir)})
      if (volumes == directory)
        add(lines_["backends." + name + "." + key],
            "backends." + name + "." + key + ": is the " + what + " as well; volumes need a directory of their own");
  }
}

Error Reader::all_faults() {
  std::stable_sort(faults_.begin(), faults_.end(), [](const auto& one, const auto& other) { return one.first < other.first; });
  std::string text;
  for (const auto& [line, what] : faults_)
    text += (text.empty() ? "" : "\n") + file_ + (line == 0 ? "" : ":" + std::to_string(line)) + ": " + what;
  return no_effect(Code::InvalidArgument, std::move(text));
}

Result<Config> Reader::read(std::string_view text, const std::string& host_name) {
  try {
    const std::string yaml(text);
    const auto document = YAML::Load(yaml);
    if (const auto second = SecondDocument::in(yaml)) add(*second, "a second YAML document begins; the file may have only one");
    if (!document.IsNull()) read_section(document, "", fields());
    check_whole(host_name);
  } catch (const YAML::Exception& exception) {
    add(exception.mark, "not YAML: " + exception.msg);
  } catch (const std::exception& exception) {
    add(0, std::string("cannot be read: ") + exception.what());
  }
  if (!faults_.empty()) return all_faults();
  return std::move(config_);
}

}  // namespace

const BackendKind* find_kind(const BackendKinds& kinds, const std::string& type) {
  const auto found = std::ranges::find(kinds, type, &BackendKind::type);
  return found == kinds.end() ? nullptr : &*found;
}

Result<Config> parse_config(std::string_view text, const std::string& file, const std::string& host_name,
                            const BackendKinds& kinds) {
  return Reader(file, kinds).read(text, host_name);
}

}  // namespace blockplug
