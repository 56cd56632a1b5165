// SPDX-License-Identifier: Apache-2.0
#include "cinder/answers.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "attach-detach/number.h"
#include "cinder/answer_json.h"
#include "cinder/answers_connection.h"

namespace blockplug::cinder {
namespace {

Result<VolumeAttachment> volume_attachment_in(const Json& json) {
  VolumeAttachment attachment;
  attachment.id = TRY((Needed{json, "an attachment of the volume"}.id("attachment_id")));  // "id" is the volume's
  attachment.server = text_in(json, "server_id");
  attachment.host = text_in(json, "host_name");
  attachment.device = text_in(json, "device");
  return attachment;
}

Result<Volume> volume_in(const Json& json) {
  const Needed needed{json, "the volume"};
  Volume volume;
  volume.id = TRY(needed.id("id"));
  volume.status = TRY(needed.text("status"));
  volume.size_gib = TRY(needed.whole("size"));
  volume.name = text_in(json, "name");
  volume.type = text_in(json, "volume_type");
  volume.zone = text_in(json, "availability_zone");
  volume.host = text_in(json, "os-vol-host-attr:host");
  volume.created = text_in(json, "created_at");
  volume.source_snapshot = text_in(json, "snapshot_id");
  volume.source_volume = text_in(json, "source_volid");
  volume.is_encrypted = flag_in(json, "encrypted");
  volume.is_multiattach = flag_in(json, "multiattach");
  volume.is_bootable = flag_in(json, "bootable");
  volume.metadata = texts_in(json, "metadata");
  const auto* attachments = member(json, "attachments");
  if (attachments == nullptr) return volume;
  for (const auto& each : *TRY(needed.array("attachments"))) volume.attachments.push_back(TRY(volume_attachment_in(each)));
  return volume;
}

Result<Snapshot> snapshot_in(const Json& json) {
  const Needed needed{json, "the snapshot"};
  Snapshot snapshot;
  snapshot.id = TRY(needed.id("id"));
  snapshot.volume_id = TRY(needed.id("volume_id"));
  snapshot.status = TRY(needed.text("status"));
  snapshot.size_gib = TRY(needed.whole("size"));
  snapshot.name = text_in(json, "name");
  snapshot.created = text_in(json, "created_at");
  return snapshot;
}

Result<Attachment> attachment_in(const Json& json) {
  const Needed needed{json, "the attachment"};
  Attachment attachment;
  attachment.id = TRY(needed.id("id"));
  attachment.volume_id = TRY(needed.id("volume_id"));
  attachment.status = TRY(needed.text("status"));
  attachment.server = text_in(json, "instance");
  attachment.mode = text_in(json, "attach_mode");
  if (attachment.mode == "null") attachment.mode.clear();  // the text, where none was asked for
  attachment.attached_at = text_in(json, "attached_at");
  attachment.connection = TRY(connection_in(json));
  return attachment;
}

template <typename T>
Result<T> one_from(const std::string& body, const char* name, Result<T> (*read)(const Json&)) {
  const auto json = TRY(json_from(body));
  return read(*TRY((Needed{json, "it"}.object(name))));
}

// The value of "marker" in a URL's query.
std::string marker_in(std::string_view url) {
  constexpr std::string_view kName = "marker=";
  const auto query = url.find('?');
  if (query == std::string_view::npos) return {};
  url.remove_prefix(query + 1);
  url = url.substr(0, url.find('#'));
  for (std::size_t end = 0; !url.empty(); url.remove_prefix(std::min(end + 1, url.size()))) {
    end = std::min(url.find('&'), url.size());
    if (url.starts_with(kName)) return std::string(url.substr(kName.size(), end - kName.size()));
  }
  return {};
}

Result<std::string> next_marker_in(const Json& json, const std::string& links_name) {
  const auto* links = member(json, links_name);
  if (links == nullptr || !links->is_array()) return std::string{};
  for (const auto& link : *links) {
    if (text_in(link, "rel") != "next") continue;
    auto marker = marker_in(text_in(link, "href"));
    if (!is_id(marker)) return data_loss("the link to the next page has no marker");
    return marker;
  }
  return std::string{};
}

template <typename T>
Result<Page<T>> page_from(const std::string& body, const std::string& name, Result<T> (*read)(const Json&)) {
  const auto json = TRY(json_from(body));
  Page<T> page;
  for (const auto& each : *TRY((Needed{json, "it"}.array(name)))) page.items.push_back(TRY(read(each)));
  page.next_marker = TRY(next_marker_in(json, name + "_links"));
  return page;
}

// "3.70"
std::optional<Microversion> microversion_from(std::string_view text) {
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto major = number_from<int>(text.substr(0, dot)), minor = number_from<int>(text.substr(dot + 1));
  return major && minor && *minor >= 0 ? std::optional(Microversion{*major, *minor}) : std::nullopt;
}

}  // namespace

Result<Volume> volume_from(const std::string& body) { return one_from(body, "volume", volume_in); }
Result<Snapshot> snapshot_from(const std::string& body) { return one_from(body, "snapshot", snapshot_in); }
Result<Attachment> attachment_from(const std::string& body) { return one_from(body, "attachment", attachment_in); }

Result<Page<Volume>> volumes_from(const std::string& body) { return page_from(body, "volumes", volume_in); }
Result<Page<Snapshot>> snapshots_from(const std::string& body) { return page_from(body, "snapshots", snapshot_in); }
Result<Page<Attachment>> attachments_from(const std::string& body) { return page_from(body, "attachments", attachment_in); }

std::string to_text(const Microversion& version) { return std::to_string(version.major) + "." + std::to_string(version.minor); }

// {"versions": [{…}]}, or {"version": {…}} of one alone.
Result<Microversion> newest_microversion(const std::string& body) {
  const auto json = TRY(json_from(body));
  const auto* one = member(json, "version");
  const auto versions = one == nullptr ? *TRY((Needed{json, "it"}.array("versions"))) : Json::array({*one});
  std::optional<Microversion> newest;
  for (const auto& each : versions) {
    if (text_in(each, "id") != "v3" && !text_in(each, "id").starts_with("v3.")) continue;
    const auto text = text_in(each, "version");
    const auto version = text.empty() ? Microversion{3, 0} : microversion_from(text);
    if (!version) return data_loss("its v3 has an invalid version");
    newest = std::max(newest, version);
  }
  if (!newest) return no_effect(Code::NotFound, "it does not offer version 3 of the volume API");
  return *newest;
}

}  // namespace blockplug::cinder
