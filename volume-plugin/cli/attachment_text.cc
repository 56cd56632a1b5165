// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/attachment_text.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "volume-plugin/cli/report_text.h"
#include "volume-plugin/cli/table.h"
#include "volume-plugin/size.h"

namespace blockplug::cli {
namespace {
template <typename Message>  // an Attachment or a Path
const char* mode_of(const Message& message) {
  return message.read_only() ? "read-only" : "read-write";
}

// Why the actual state differs from the desired one, or what else is the matter: the last error says most.
std::string trouble_of(const v1::Attachment& attachment) {
  if (!attachment.last_error().empty()) return attachment.last_error();
  if (!attachment.note().empty()) return attachment.note();
  return attachment.holder().empty() ? std::string{} : "held by " + attachment.holder();
}

std::string rung_of(const v1::Attachment& attachment) {
  return attachment.rung().empty() ? std::string("no rung up") : attachment.rung() + " up";
}

// "/srv/data, /srv/copy (ro), /srv/raw (block)"
std::string paths_of(const v1::Attachment& attachment) {
  std::string text;
  for (const auto& path : attachment.paths()) {
    const auto* mark = path.block() ? (path.read_only() ? " (ro, block)" : " (block)") : (path.read_only() ? " (ro)" : "");
    text += (text.empty() ? "" : ", ") + path.path() + mark;
  }
  return text;
}

std::vector<std::string> row_of(const v1::Attachment& it, WallClock::time_point now) {
  return {it.volume(),
          it.target(),
          it.desired(),
          it.state(),
          it.rung(),
          it.device(),
          it.read_only() ? "ro" : "rw",
          it.size_bytes() > 0 ? format_size(it.size_bytes()) : std::string{},
          it.has_since() ? age_of(it.since(), now) : std::string{},
          trouble_of(it)};
}
}  // namespace

std::string path_text(const v1::Path& path) {
  return path.path() + (path.read_only() ? ", read-only" : "") + (path.block() ? ", as a block device" : "");
}

// Paths are long, and many nodes have none: the column is printed only where an attachment has a path.
std::string attachments_text(const v1::ListAttachmentsResponse& response, WallClock::time_point now) {
  const auto& all = response.attachments();
  const bool has_paths = std::any_of(all.begin(), all.end(), [](const v1::Attachment& it) { return !it.paths().empty(); });
  std::vector<std::string> header{"VOLUME", "TARGET", "DESIRED", "STATE", "RUNG", "DEVICE", "MODE", "SIZE", "AGE", "NOTE"};
  if (has_paths) header.emplace_back("PATHS");
  Table table(std::move(header));
  for (const auto& it : all) {
    auto row = row_of(it, now);
    if (has_paths) row.push_back(paths_of(it));
    table.add(std::move(row));
  }
  return table.text();
}

std::string state_and_desired(const v1::Attachment& attachment) {
  const auto& state = attachment.state();
  if (attachment.desired() == "detached" && state != "detaching" && state != "orphan") return state + ", to be detached";
  if (attachment.desired() == "attached" && state == "detaching") return state + ", to be attached again";
  return state;
}

std::string attachment_text(const v1::Attachment& it, WallClock::time_point now) {
  Report report(it.volume() + " at " + it.target());
  report.add("state", state_and_desired(it));
  if (it.has_since()) report.add("since", moment(it.since(), now));
  report.add("rung", it.rung().empty() ? "none" : it.rung());
  report.add("device", it.device());
  for (const auto& path : it.paths()) report.add("path", path_text(path));
  report.add("mode", mode_of(it));
  if (it.size_bytes() > 0) report.add("size", format_size(it.size_bytes()));
  report.add("holder", it.holder());
  report.add("last error", it.last_error());
  report.add("note", it.note());
  if (it.attempts() > 0) report.add("attempts", std::to_string(it.attempts()));
  if (it.has_next_try()) report.add("next try", moment(it.next_try(), now));
  return report.text();
}

std::string attached_text(const v1::Attachment& it, const std::string& asked_path) {
  v1::Path asked;
  asked.set_path(asked_path);
  asked.set_read_only(it.read_only());
  for (const auto& path : it.paths())
    if (path.path() == asked_path) asked = path;
  auto text = it.volume() + " is " + it.state() + " to " + it.target();
  if (!asked_path.empty()) text += " at " + asked_path + (asked.block() ? " (block)" : "");
  text += std::string(", ") + mode_of(asked);
  if (!it.device().empty()) text += ", as device " + it.device();
  return harmless(text);
}

std::string where_and_how(const v1::Attachment& it) {
  auto text = it.target() + ": " + state_and_desired(it) + ", " + rung_of(it) + ", " + mode_of(it);
  if (!it.device().empty()) text += ", device " + it.device();
  if (!it.paths().empty()) text += ", at " + paths_of(it);
  return text;
}

std::string event_text(const v1::WatchEvent& event) {
  const auto& it = event.attachment();
  auto text = it.volume() + " at " + it.target() + ": ";
  if (event.gone()) return harmless(text + "detached");
  text += state_and_desired(it) + ", " + rung_of(it);
  const auto trouble = trouble_of(it);
  return harmless(trouble.empty() ? text : text + ": " + trouble);
}

}  // namespace blockplug::cli
