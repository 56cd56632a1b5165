// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/sqlite_rows.h"

#include <sqlite3.h>

#include <array>
#include <cstdlib>
#include <type_traits>

namespace blockplug {

const char* const kSchema = R"sql(
BEGIN;
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE volume(volume TEXT PRIMARY KEY, image TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE attachment(volume TEXT, target TEXT, attached INTEGER NOT NULL, up_to TEXT NOT NULL, size_bytes INTEGER NOT NULL,
  access TEXT NOT NULL, filesystem TEXT NOT NULL, may_share INTEGER NOT NULL, origin TEXT NOT NULL,
  boot_id TEXT NOT NULL, wish_number INTEGER NOT NULL, ever_complete INTEGER NOT NULL,
  raised_as TEXT NOT NULL, first_wished INTEGER NOT NULL, flags TEXT NOT NULL DEFAULT '', staging_path TEXT NOT NULL DEFAULT '',
  by_force INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(volume, target)) WITHOUT ROWID;
CREATE TABLE limits(volume TEXT, target TEXT, name TEXT, value INTEGER NOT NULL, PRIMARY KEY(volume, target, name)) WITHOUT ROWID;
CREATE TABLE leaf(volume TEXT, target TEXT, kind TEXT, leaf TEXT, access TEXT NOT NULL, flags TEXT NOT NULL,
  ever_complete INTEGER NOT NULL, filesystem TEXT NOT NULL DEFAULT '', PRIMARY KEY(volume, target, kind, leaf)) WITHOUT ROWID;
CREATE TABLE rung(volume TEXT, target TEXT, kind TEXT, leaf TEXT, mark TEXT NOT NULL, since INTEGER NOT NULL,
  PRIMARY KEY(volume, target, kind, leaf)) WITHOUT ROWID;
CREATE TABLE fact(volume TEXT, target TEXT, kind TEXT, leaf TEXT, name TEXT, value TEXT NOT NULL,
  PRIMARY KEY(volume, target, kind, leaf, name)) WITHOUT ROWID;
CREATE TABLE orders(id INTEGER PRIMARY KEY, volume TEXT NOT NULL, kind TEXT NOT NULL);
CREATE INDEX orders_by_volume ON orders(volume);
CREATE TABLE argument(id INTEGER, kept INTEGER, name TEXT, value TEXT NOT NULL, PRIMARY KEY(id, kept, name)) WITHOUT ROWID;
COMMIT;
)sql";

Connection::~Connection() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

std::string Connection::message() const { return handle_ == nullptr ? "out of memory" : sqlite3_errmsg(handle_); }

Error Connection::error() const {
  switch (sqlite3_errcode(handle_)) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return no_effect(Code::DataLoss, message());
    case SQLITE_FULL: return no_effect(Code::ResourceExhausted, message());
    default: return no_effect(Code::Unavailable, message());
  }
}

Status Connection::run(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return error();
  return Ok{};
}

Result<sqlite3_stmt*> Connection::statement(const char* sql) {
  auto& prepared = statements_[sql];
  if (prepared == nullptr && sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr) != SQLITE_OK)
    return error();
  sqlite3_reset(prepared);
  sqlite3_clear_bindings(prepared);
  return prepared;
}

Result<std::string> Connection::text(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) return error();
  std::string value;
  const int stepped = sqlite3_step(statement);
  if (stepped == SQLITE_ROW) value = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
  const bool is_good = stepped == SQLITE_ROW || stepped == SQLITE_DONE;
  auto failure = is_good ? Error{} : error();
  sqlite3_finalize(statement);
  if (!is_good) return failure;
  return value;
}

Result<std::int64_t> Connection::number(const std::string& sql) {
  const auto value = TRY(text(sql));
  return std::strtoll(value.c_str(), nullptr, 10);
}

namespace {

void bind(sqlite3_stmt* statement, int at, const std::string& value) {
  sqlite3_bind_text(statement, at, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
}
void bind(sqlite3_stmt* statement, int at, const char* value) { sqlite3_bind_text(statement, at, value, -1, SQLITE_TRANSIENT); }
void bind(sqlite3_stmt* statement, int at, std::int64_t value) { sqlite3_bind_int64(statement, at, value); }
void bind(sqlite3_stmt* statement, int at, bool value) { sqlite3_bind_int(statement, at, value ? 1 : 0); }

template <typename... Values>
Status execute(Connection& connection, const char* sql, const Values&... values) {
  auto* statement = TRY(connection.statement(sql));
  int at = 0;
  (bind(statement, ++at, values), ...);
  const int stepped = sqlite3_step(statement);
  if (stepped != SQLITE_DONE && stepped != SQLITE_ROW) {
    auto failure = connection.error();
    sqlite3_reset(statement);
    return failure;
  }
  sqlite3_reset(statement);
  return Ok{};
}

std::int64_t to_number(WallClock::time_point time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}
WallClock::time_point to_time(std::int64_t milliseconds) { return WallClock::time_point(std::chrono::milliseconds(milliseconds)); }

const char* column_of(Access access) { return access == Access::ReadOnly ? "ro" : "rw"; }
Access access_from(const std::string& text) { return text == "ro" ? Access::ReadOnly : Access::ReadWrite; }
const char* to_text(Origin origin) {
  switch (origin) {
    case Origin::Person: return "person";
    case Origin::KubeletNode: return "kubelet-node";
    case Origin::Controller: return "controller";
  }
  return "?";
}
// "csi": of a version that knew of kubelet's node calls alone.
Origin origin_from(const std::string& text) {
  if (text == "kubelet-node" || text == "csi") return Origin::KubeletNode;
  return text == "controller" ? Origin::Controller : Origin::Person;
}

constexpr std::array<std::pair<StoredState, const char*>, 4> kStates{{{StoredState::Doubtful, "doubtful"},
                                                                      {StoredState::Raising, "raising"},
                                                                      {StoredState::Up, "up"},
                                                                      {StoredState::Lowering, "lowering"}}};
const char* to_text(StoredState state) {
  for (const auto& [value, text] : kStates)
    if (value == state) return text;
  return "doubtful";
}
// A half-begun rung is believed half-way until it was probed.
RungState state_from(const std::string& text) {
  if (text == "up") return RungState::Up;
  return text == "lowering" ? RungState::Lowering : RungState::Raising;
}

std::string join(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    lines.push_back(text.substr(begin, end - begin));
  return lines;
}

Status write(Connection& c, const PutVolume& put) {
  return execute(c, "INSERT OR REPLACE INTO volume VALUES(?,?)", put.volume.str(), put.image.str());
}
Status write(Connection& c, const ForgetVolume& forget) {
  const auto& volume = forget.volume.str();
  TRY(execute(c, "DELETE FROM argument WHERE id IN (SELECT id FROM orders WHERE volume=?)", volume));
  TRY(execute(c, "DELETE FROM orders WHERE volume=?", volume));
  TRY(execute(c, "DELETE FROM attachment WHERE volume=?", volume));
  TRY(execute(c, "DELETE FROM limits WHERE volume=?", volume));
  TRY(execute(c, "DELETE FROM leaf WHERE volume=?", volume));
  TRY(execute(c, "DELETE FROM rung WHERE volume=?", volume));
  TRY(execute(c, "DELETE FROM fact WHERE volume=?", volume));
  return execute(c, "DELETE FROM volume WHERE volume=?", volume);
}

Status write(Connection& c, const PutAttachment& put) {
  const auto& [volume, target] = put.key;
  const auto& desired = put.desired;
  TRY(execute(c, "INSERT OR REPLACE INTO attachment VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", volume.str(), target.str(),
              desired.attached, desired.up_to ? desired.up_to->str() : "", desired.spec.size_bytes, column_of(desired.spec.access),
              desired.spec.filesystem, desired.may_share, to_text(desired.origin), desired.boot_id, put.desired_number,
              put.ever_complete, put.raised_as ? column_of(*put.raised_as) : "", to_number(put.first_desired),
              join(desired.spec.flags), desired.spec.staging_path, desired.by_force));
  TRY(execute(c, "DELETE FROM limits WHERE volume=? AND target=?", volume.str(), target.str()));
  for (const auto& [name, value] : desired.spec.limits)
    TRY(execute(c, "INSERT INTO limits VALUES(?,?,?,?)", volume.str(), target.str(), name, value));
  TRY(execute(c, "DELETE FROM leaf WHERE volume=? AND target=?", volume.str(), target.str()));
  for (const auto& [id, leaf] : desired.leaves)
    TRY(execute(c, "INSERT INTO leaf VALUES(?,?,?,?,?,?,?,?)", volume.str(), target.str(), id.kind.str(), id.leaf,
                column_of(leaf.spec.access), join(leaf.spec.flags), leaf.ever_complete, leaf.spec.filesystem));
  return Ok{};
}

Status write(Connection& c, const ForgetRung& forget) {
  const auto& [volume, target] = forget.key;
  const auto& kind = forget.rung.kind.str();
  TRY(execute(c, "DELETE FROM rung WHERE volume=? AND target=? AND kind=? AND leaf=?", volume.str(), target.str(), kind,
              forget.rung.leaf));
  return execute(c, "DELETE FROM fact WHERE volume=? AND target=? AND kind=? AND leaf=?", volume.str(), target.str(), kind,
                 forget.rung.leaf);
}

Status write(Connection& c, const PutRung& put) {
  const auto& [volume, target] = put.key;
  const auto& kind = put.rung.kind.str();
  TRY(execute(c, "INSERT OR REPLACE INTO rung VALUES(?,?,?,?,?,?)", volume.str(), target.str(), kind, put.rung.leaf,
              to_text(put.state), to_number(put.since)));
  TRY(execute(c, "DELETE FROM fact WHERE volume=? AND target=? AND kind=? AND leaf=?", volume.str(), target.str(), kind,
              put.rung.leaf));
  for (const auto& [name, value] : put.facts)
    TRY(execute(c, "INSERT INTO fact VALUES(?,?,?,?,?,?)", volume.str(), target.str(), kind, put.rung.leaf, name, value));
  return Ok{};
}

Status write(Connection& c, const ForgetAttachment& forget) {
  const auto& volume = forget.key.volume.str();
  const auto& target = forget.key.target.str();
  TRY(execute(c, "DELETE FROM attachment WHERE volume=? AND target=?", volume, target));
  TRY(execute(c, "DELETE FROM limits WHERE volume=? AND target=?", volume, target));
  TRY(execute(c, "DELETE FROM leaf WHERE volume=? AND target=?", volume, target));
  TRY(execute(c, "DELETE FROM rung WHERE volume=? AND target=?", volume, target));
  return execute(c, "DELETE FROM fact WHERE volume=? AND target=?", volume, target);
}

Status write(Connection& c, const PutOrder& put) {
  TRY(execute(c, "INSERT OR REPLACE INTO orders VALUES(?,?,?)", put.order.id, put.order.volume.str(),
              blockplug::to_text(put.order.kind)));
  TRY(execute(c, "DELETE FROM argument WHERE id=?", put.order.id));
  for (const auto& [name, value] : put.order.arguments)
    TRY(execute(c, "INSERT INTO argument VALUES(?,?,?,?)", put.order.id, false, name, value));
  for (const auto& [name, value] : put.kept)
    TRY(execute(c, "INSERT INTO argument VALUES(?,?,?,?)", put.order.id, true, name, value));
  return execute(c, "INSERT INTO meta VALUES('last_order',?1) ON CONFLICT(name) DO UPDATE SET value=max(CAST(value AS INTEGER),?1)",
                 put.order.id);
}
Status write(Connection& c, const ForgetOrder& forget) {
  TRY(execute(c, "DELETE FROM orders WHERE id=?", forget.id));
  return execute(c, "DELETE FROM argument WHERE id=?", forget.id);
}

// One row of a SELECT, read left to right.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  std::string text() {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, at_));
    return bytes == nullptr ? (++at_, std::string{})
                            : std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, at_++)));
  }
  std::int64_t number() { return sqlite3_column_int64(statement_, at_++); }
  bool flag() { return number() != 0; }

 private:
  sqlite3_stmt* statement_;
  int at_{};
};

template <typename Function>
Status each_row(Connection& connection, const char* sql, Function&& function) {
  auto* statement = TRY(connection.statement(sql));
  int stepped = SQLITE_ROW;
  while ((stepped = sqlite3_step(statement)) == SQLITE_ROW) {
    Row row(statement);
    function(row);
  }
  if (stepped != SQLITE_DONE) return connection.error();
  sqlite3_reset(statement);
  return Ok{};
}

using Volumes = std::map<std::string, Volume>;

Volume& volume_in(Volumes& volumes, const std::string& id) {
  auto& volume = volumes[id];
  volume.id = VolumeId(id);
  return volume;
}

// Rows of an attachment that is not there (only a bug writes them) are left out.
Attachment* attachment_in(Volumes& volumes, const std::string& volume, const std::string& target) {
  const auto found = volumes.find(volume);
  if (found == volumes.end()) return nullptr;
  const auto attachment = found->second.attachments.find(TargetId(target));
  return attachment == found->second.attachments.end() ? nullptr : &attachment->second;
}

RungId read_rung_id(Row& row) {
  RungKind kind(row.text());
  return {std::move(kind), row.text()};
}

Status load_attachments(Connection& connection, Volumes& volumes) {
  TRY(each_row(connection, "SELECT volume, image FROM volume", [&](Row& row) {
    auto& volume = volume_in(volumes, row.text());
    volume.image = ImageId(row.text());
  }));
  TRY(each_row(connection, "SELECT * FROM attachment", [&](Row& row) {
    auto& volume = volume_in(volumes, row.text());
    const TargetId target(row.text());
    auto& attachment = volume.attachments[target];
    attachment.key = {volume.id, target};
    auto& desired = attachment.desired;
    desired.attached = row.flag();
    if (RungKind up_to(row.text()); !up_to.empty()) desired.up_to = std::move(up_to);
    desired.spec.size_bytes = row.number();
    desired.spec.access = access_from(row.text());
    desired.spec.filesystem = row.text();
    desired.may_share = row.flag();
    desired.origin = origin_from(row.text());
    desired.boot_id = row.text();
    attachment.desired_number = row.number();
    attachment.ever_complete = row.flag();
    if (const auto access = row.text(); !access.empty()) attachment.raised_as = access_from(access);
    attachment.first_desired = to_time(row.number());
    desired.spec.flags = split(row.text());
    desired.spec.staging_path = row.text();
    desired.by_force = row.flag();
  }));
  TRY(each_row(connection, "SELECT * FROM limits", [&](Row& row) {
    const auto volume = row.text(), target = row.text(), name = row.text();
    if (auto* attachment = attachment_in(volumes, volume, target)) attachment->desired.spec.limits[name] = row.number();
  }));
  return each_row(connection, "SELECT * FROM leaf", [&](Row& row) {
    const auto volume = row.text(), target = row.text();
    const auto id = read_rung_id(row);
    auto* attachment = attachment_in(volumes, volume, target);
    if (attachment == nullptr) return;
    const auto access = access_from(row.text());
    auto flags = split(row.text());
    auto& leaf = attachment->desired.leaves[id];
    leaf.ever_complete = row.flag();
    leaf.spec = {access, std::move(flags), row.text()};
  });
}

Status load_rungs(Connection& connection, Volumes& volumes) {
  TRY(each_row(connection, "SELECT * FROM rung", [&](Row& row) {
    const auto volume = row.text(), target = row.text();
    const auto id = read_rung_id(row);
    auto* attachment = attachment_in(volumes, volume, target);
    if (attachment == nullptr) return;
    auto& record = attachment->rungs[id];
    record.state = state_from(row.text());
    record.since = to_time(row.number());
    record.belief = Belief::Unverified;
  }));
  return each_row(connection, "SELECT * FROM fact", [&](Row& row) {
    const auto volume = row.text(), target = row.text();
    const auto id = read_rung_id(row);
    auto* attachment = attachment_in(volumes, volume, target);
    if (attachment == nullptr) return;
    const auto name = row.text();
    attachment->rungs[id].facts[name] = row.text();
  });
}

Status load_orders(Connection& connection, Volumes& volumes) {
  std::map<std::int64_t, OrderRecord> orders;
  TRY(each_row(connection, "SELECT id, volume, kind FROM orders", [&](Row& row) {
    const auto id = row.number();
    auto volume = VolumeId(row.text());
    if (const auto kind = order_kind_from_text(row.text())) orders[id].order = Order{id, std::move(volume), *kind, {}};
  }));
  TRY(each_row(connection, "SELECT id, kept, name, value FROM argument", [&](Row& row) {
    const auto found = orders.find(row.number());
    const bool is_kept = row.flag();
    const auto name = row.text();
    if (found != orders.end()) (is_kept ? found->second.kept : found->second.order.arguments)[name] = row.text();
  }));
  for (auto& [id, record] : orders) {
    record.is_intent_stored = record.kept.contains(kBegunFact);
    volume_in(volumes, record.order.volume.str()).orders.push_back(std::move(record));
  }
  return Ok{};
}

}  // namespace

Status write_row(Connection& connection, const Change& change) {
  return std::visit([&](const auto& what) { return write(connection, what); }, change);
}

Result<Saved> load_rows(Connection& connection) {
  Saved saved;
  Volumes volumes;
  TRY(load_attachments(connection, volumes));
  TRY(load_rungs(connection, volumes));
  TRY(load_orders(connection, volumes));
  saved.last_order = TRY(connection.number("SELECT value FROM meta WHERE name='last_order'"));
  for (auto& [id, volume] : volumes) saved.volumes.push_back(std::move(volume));
  return saved;
}

}  // namespace blockplug
