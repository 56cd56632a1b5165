// SPDX-License-Identifier: Apache-2.0
#include "cinder/api.h"

#include <array>
#include <nlohmann/json.hpp>

#include "cinder/refusal.h"

namespace blockplug::cinder {
namespace {
using Json = nlohmann::json;

// Nothing but letters, digits and a few signs stays as it is.
std::string escaped(const std::string& text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string out;
  for (const char letter : text) {
    if (kPlain.find(letter) != std::string_view::npos) {
      out += letter;
      continue;
    }
    const auto byte = static_cast<unsigned char>(letter);
    out += {'%', kDigits[byte >> 4], kDigits[byte & 0xf]};
  }
  return out;
}

std::string text_of(const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace); }

template <typename T>
Result<T> ask_for(Session& session, const CinderCall& call, Result<T> (*parse)(const std::string&), const Patience& patience) {
  const auto body = TRY(session.ask(call, patience));
  auto answer = parse(body);
  if (!answer.ok()) return unreadable(answer.error(), call.what, call.sends);
  return answer;
}

enum class Ends : std::uint8_t { WithoutLink, WithAnEmptyPage };

// Every page; a marker that does not move on would never end.
template <typename T>
Result<std::vector<T>> all_pages(Session& session, const std::string& path, const std::string& query, const std::string& what,
                                 Result<Page<T>> (*parse)(const std::string&), const Patience& patience,
                                 Ends ends = Ends::WithoutLink) {
  std::vector<T> all;
  std::string marker;
  while (true) {
    const auto full = query + (marker.empty() ? "" : (query.empty() ? "" : "&") + ("marker=" + escaped(marker)));
    const CinderCall call{.method = "GET", .path = path + (full.empty() ? "" : "?" + full), .what = what};
    auto page = TRY(ask_for(session, call, parse, patience));
    for (auto& item : page.items) all.push_back(std::move(item));
    if (page.items.empty()) return all;
    // Lists of attachments come without a link to the next page: they end where a page is empty.
    if (page.next_marker.empty() && ends == Ends::WithoutLink) return all;
    const auto next = page.next_marker.empty() ? all.back().id : page.next_marker;
    if (next == marker) return no_effect(Code::Unavailable, what + ": the cloud's pages do not end");
    marker = next;
  }
}
}  // namespace

Result<Volume> Api::volume(const std::string& id, const Patience& patience) {
  const CinderCall call{.method = "GET", .path = "/volumes/" + escaped(id), .what = "look at volume " + id};
  return ask_for(session_, call, volume_from, patience);
}

Result<std::vector<Volume>> Api::volumes(const VolumeFilter& filter, const Patience& patience) {
  std::string query;
  if (!filter.name.empty()) query = "name=" + escaped(filter.name);
  // Cinder reads a dictionary of Python.
  if (!filter.metadata_key.empty())
    query +=
        (query.empty() ? "" : "&") + ("metadata=" + escaped("{'" + filter.metadata_key + "':'" + filter.metadata_value + "'}"));
  return all_pages<Volume>(session_, "/volumes/detail", query, "list volumes", volumes_from, patience);
}

Result<Volume> Api::create(const NewVolume& wanted, const Patience& patience) {
  Json volume{{"name", wanted.name}, {"size", wanted.size_gib}, {"metadata", wanted.metadata}};
  const std::array<std::pair<const char*, const std::string*>, 4> given{{{"volume_type", &wanted.type},
                                                                         {"availability_zone", &wanted.zone},
                                                                         {"snapshot_id", &wanted.snapshot},
                                                                         {"source_volid", &wanted.source}}};
  for (const auto& [key, value] : given)
    if (!value->empty()) volume[key] = *value;
  const CinderCall call{.method = "POST",
                        .path = "/volumes",
                        .what = "create volume " + wanted.name,
                        .body = text_of({{"volume", volume}}),
                        .sends = Sends::Once};
  return ask_for(session_, call, volume_from, patience);
}

Status Api::extend(const std::string& id, std::int64_t size_gib, const Patience& patience) {
  TRY(session_.ask({.method = "POST",
                    .path = "/volumes/" + escaped(id) + "/action",
                    .what = "extend volume " + id,
                    .body = text_of({{"os-extend", {{"new_size", size_gib}}}}),
                    .sends = Sends::Once},
                   patience));
  return Ok{};
}

Status Api::remove(const std::string& id, const Patience& patience) {
  TRY(session_.ask({.method = "DELETE", .path = "/volumes/" + escaped(id), .what = "delete volume " + id, .sends = Sends::Once},
                   patience));
  return Ok{};
}

Status Api::set_metadata(const std::string& id, const std::string& key, const std::string& value, const Patience& patience) {
  TRY(session_.ask({.method = "POST",
                    .path = "/volumes/" + escaped(id) + "/metadata",
                    .what = "set metadata " + key + " of volume " + id,
                    .body = text_of({{"metadata", {{key, value}}}}),
                    .sends = Sends::Change},
                   patience));
  return Ok{};
}

Status Api::remove_metadata(const std::string& id, const std::string& key, const Patience& patience) {
  TRY(session_.ask({.method = "DELETE",
                    .path = "/volumes/" + escaped(id) + "/metadata/" + escaped(key),
                    .what = "remove metadata " + key + " of volume " + id,
                    .sends = Sends::Change},
                   patience));
  return Ok{};
}

Result<std::vector<Snapshot>> Api::snapshots(const std::string& volume, const Patience& patience) {
  const auto query = volume.empty() ? std::string{} : "volume_id=" + escaped(volume);
  return all_pages<Snapshot>(session_, "/snapshots/detail", query, "list snapshots", snapshots_from, patience);
}

Result<Snapshot> Api::create_snapshot(const std::string& volume, const std::string& name, const Patience& patience) {
  const CinderCall call{.method = "POST",
                        .path = "/snapshots",
                        .what = "create snapshot " + name + " of volume " + volume,
                        .body = text_of({{"snapshot", {{"volume_id", volume}, {"name", name}, {"force", true}}}}),
                        .sends = Sends::Once};
  return ask_for(session_, call, snapshot_from, patience);
}

Status Api::remove_snapshot(const std::string& id, const Patience& patience) {
  TRY(session_.ask({.method = "DELETE", .path = "/snapshots/" + escaped(id), .what = "delete snapshot " + id, .sends = Sends::Once},
                   patience));
  return Ok{};
}

Result<Attachment> Api::reserve(const std::string& volume, Access access, const Patience& patience) {
  const auto login = TRY(session_.login(patience));
  Json attachment{{"volume_uuid", volume}};
  if (login->version >= kAccessModeVersion) attachment["mode"] = access == Access::ReadOnly ? "ro" : "rw";
  const CinderCall call{.method = "POST",
                        .path = "/attachments",
                        .what = "reserve volume " + volume,
                        .body = text_of({{"attachment", attachment}}),
                        .sends = Sends::Once};
  return ask_for(session_, call, attachment_from, patience);
}

Result<Attachment> Api::connect(const std::string& attachment, const Connector& connector, const Patience& patience) {
  const Json told{{"host", connector.host},
                  {"platform", "x86_64"},
                  {"os_type", "linux"},
                  {"multipath", false},
                  {"do_local_attach", false},
                  {"mountpoint", "blockplug"},
                  {"mode", connector.is_read_only ? "ro" : "rw"}};
  const CinderCall call{.method = "PUT",
                        .path = "/attachments/" + escaped(attachment),
                        .what = "connect attachment " + attachment,
                        .body = text_of({{"attachment", {{"connector", told}}}}),
                        .sends = Sends::Change};
  return ask_for(session_, call, attachment_from, patience);
}

Status Api::complete(const std::string& attachment, const Patience& patience) {
  TRY(session_.ask({.method = "POST",
                    .path = "/attachments/" + escaped(attachment) + "/action",
                    .what = "complete attachment " + attachment,
                    .body = R"({"os-complete": {}})",
                    .sends = Sends::Change},
                   patience));
  return Ok{};
}

Status Api::release(const std::string& attachment, const Patience& patience) {
  TRY(session_.ask({.method = "DELETE",
                    .path = "/attachments/" + escaped(attachment),
                    .what = "delete attachment " + attachment,
                    .sends = Sends::Change},
                   patience));
  return Ok{};
}

Result<Attachment> Api::attachment(const std::string& id, const Patience& patience) {
  const CinderCall call{.method = "GET", .path = "/attachments/" + escaped(id), .what = "look at attachment " + id};
  return ask_for(session_, call, attachment_from, patience);
}

Result<std::vector<Attachment>> Api::attachments(const std::string& volume, const Patience& patience) {
  return all_pages<Attachment>(session_, "/attachments/detail", "volume_id=" + escaped(volume), "list attachments",
                               attachments_from, patience, Ends::WithAnEmptyPage);
}

}  // namespace blockplug::cinder
